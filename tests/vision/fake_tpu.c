/* An Edge TPU that is none: a delegate with the interface of TFLite's external delegates.
 *
 * It takes the operations that only an Edge TPU can compute and computes something for them that a
 * test can foresee: the box around all pixels whose red is above 127. The option "mode" says what
 * goes wrong, and "after" at which inference, counted from 0. The structures are those of TFLite's
 * C interface, as much of each as is touched here, in their order.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum { kOk = 0, kError = 1 } Status;

typedef struct {
  int size;
  int data[];
} IntArray;

typedef struct {
  int type;
  void *data;
  IntArray *dims;
  struct {
    float scale;
    int32_t zero_point;
  } params;
  int allocation_type;
  size_t bytes;
  const void *allocation;
  const char *name;
  void *delegate;
  int buffer_handle;
  bool data_is_stale;
  bool is_variable;
  struct {
    int type;
    void *params;
  } quantization;
  void *sparsity;
  const IntArray *dims_signature;
} Tensor;

typedef struct {
  IntArray *inputs;
  IntArray *outputs;
  IntArray *intermediates;
  IntArray *temporaries;
  void *user_data;
  void *builtin_data;
  const void *custom_initial_data;
  int custom_initial_data_size;
  void *delegate;
  bool might_have_side_effect;
} Node;

struct Context;

typedef struct {
  void *(*init)(struct Context *, const char *, size_t);
  void (*free)(struct Context *, void *);
  Status (*prepare)(struct Context *, Node *);
  Status (*invoke)(struct Context *, Node *);
  const char *(*profiling_string)(const struct Context *, const Node *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *registration_external;
  void *(*async_kernel)(struct Context *, Node *);
  uint64_t inplace_operator;
} Registration;

typedef struct Context {
  size_t tensors_size;
  Status (*GetExecutionPlan)(struct Context *, IntArray **);
  Tensor *tensors;
  void *impl;
  Status (*ResizeTensor)(struct Context *, Tensor *, IntArray *);
  void (*ReportError)(struct Context *, const char *, ...);
  Status (*AddTensors)(struct Context *, int, int *);
  Status (*GetNodeAndRegistration)(struct Context *, int, Node **, Registration **);
  Status (*ReplaceNodeSubsets)(struct Context *, Registration, const IntArray *, void *);
} Context;

typedef struct Delegate {
  void *data;
  Status (*Prepare)(Context *, struct Delegate *);
  void *copy_from, *copy_to, *free_handle;
  int64_t flags;
  void *opaque_builder;
} Delegate;

typedef struct {
  Delegate delegate; /* First, so that one pointer is both. */
  char mode[32];
  long after;
  long inferences;
} Tpu;

static bool is(const Tpu *tpu, const char *mode) { return strcmp(tpu->mode, mode) == 0; }

static void hang(void) {
  if (write(STDOUT_FILENO, "hangs\n", 6) != 6) abort(); /* So that a test need not guess. */
  for (;;) sleep(3600);
}

static void *kernel_init(Context *context, const char *buffer, size_t length) {
  (void)context;
  (void)length;
  return ((void **)buffer)[0]; /* TfLiteDelegateParams begins with its delegate. */
}

static Status kernel_prepare(Context *context, Node *node) {
  (void)context;
  (void)node;
  return kOk;
}

static float *floats(Context *context, Node *node, int place) {
  return (float *)context->tensors[node->outputs->data[place]].data;
}

static Status kernel_invoke(Context *context, Node *node) {
  Tpu *tpu = (Tpu *)node->user_data;
  if (tpu->inferences++ >= tpu->after) {
    if (is(tpu, "invoke-fails")) {
      context->ReportError(context, "the fake accelerator was pulled out");
      return kError;
    }
    if (is(tpu, "invoke-hangs")) hang();
    if (is(tpu, "invoke-aborts")) abort();
    if (is(tpu, "invoke-crashes")) *(volatile int *)8 = 1;
  }
  const Tensor *seen = &context->tensors[node->inputs->data[0]];
  const uint8_t *pixels = (const uint8_t *)seen->data;
  const int height = seen->dims->data[1], width = seen->dims->data[2];
  int top = height, bottom = -1, left = width, right = -1;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      if (pixels[3 * (y * width + x)] > 127) {
        if (y < top) top = y;
        if (y > bottom) bottom = y;
        if (x < left) left = x;
        if (x > right) right = x;
      }
  for (int i = 0; i < 4; i++)
    memset(floats(context, node, i), 0, context->tensors[node->outputs->data[i]].bytes);
  if (bottom < 0) return kOk;
  float *box = floats(context, node, 0);
  box[0] = (float)top / (float)height;
  box[1] = (float)left / (float)width;
  box[2] = (float)(bottom + 1) / (float)height;
  box[3] = (float)(right + 1) / (float)width;
  floats(context, node, 2)[0] = 0.75f;
  floats(context, node, 3)[0] = 1.0f;
  return kOk;
}

static Status prepare(Context *context, Delegate *delegate) {
  Tpu *tpu = (Tpu *)delegate;
  if (is(tpu, "prepare-fails")) return kError;
  if (is(tpu, "prepare-hangs")) hang();
  IntArray *plan;
  if (context->GetExecutionPlan(context, &plan) != kOk) return kError;
  const size_t bytes = sizeof(IntArray) + sizeof(int) * (size_t)plan->size;
  IntArray *all = malloc(bytes), *ours = malloc(bytes);
  memcpy(all, plan, bytes); /* The plan is the interpreter's, and changes while it is asked. */
  ours->size = 0;
  for (int i = 0; i < all->size; i++) {
    Node *node;
    Registration *registration;
    context->GetNodeAndRegistration(context, all->data[i], &node, &registration);
    if (registration->custom_name && strcmp(registration->custom_name, "edgetpu-custom-op") == 0)
      ours->data[ours->size++] = all->data[i];
  }
  Registration kernel = {0};
  kernel.init = kernel_init;
  kernel.prepare = kernel_prepare;
  kernel.invoke = kernel_invoke;
  kernel.custom_name = "FakeTpu";
  kernel.version = 1;
  const Status status = context->ReplaceNodeSubsets(context, kernel, ours, delegate);
  free(all);
  free(ours);
  return status;
}

Delegate *tflite_plugin_create_delegate(const char *const *keys, const char *const *values,
                                        size_t count, void (*report_error)(const char *)) {
  Tpu *tpu = calloc(1, sizeof(Tpu));
  for (size_t i = 0; i < count; i++) {
    if (strcmp(keys[i], "mode") == 0) strncpy(tpu->mode, values[i], sizeof(tpu->mode) - 1);
    if (strcmp(keys[i], "after") == 0) tpu->after = strtol(values[i], NULL, 10);
  }
  if (is(tpu, "absent") || is(tpu, "says-why")) {
    if (is(tpu, "says-why")) report_error("it is taken by another process");
    free(tpu);
    return NULL;
  }
  if (is(tpu, "create-hangs")) hang();
  if (is(tpu, "create-crashes")) *(volatile int *)8 = 1;
  tpu->delegate.Prepare = prepare;
  tpu->delegate.flags = 1; /* Dynamic tensors allowed: it is asked before anything is prepared. */
  return &tpu->delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }
