import java.io.File;
import java.time.Duration;
import java.util.*;
import org.apache.flink.api.common.eventtime.*;
import org.apache.flink.cep.*;
import org.apache.flink.cep.functions.PatternProcessFunction;
import org.apache.flink.cep.pattern.*;
import org.apache.flink.cep.pattern.conditions.SimpleCondition;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.*;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;

/**
 * Judges patterns by Flink CEP. Reads a JSON list of {pattern, within_ms, streams}, where a step of a
 * pattern is written as in the file of conformance cases, and writes for each the matches of each
 * stream, as sorted places of events in it; or why Flink refuses the pattern.
 */
@SuppressWarnings({"unchecked", "rawtypes"})
public class FlinkJudge {
  public static class Event {
    public int stream;
    public int place;
    public String name;
    public double price;
    public long time;
  }

  static class Fits extends SimpleCondition<Event> {
    final String field, op, text;
    final double figure;

    Fits(JsonNode said) {
      field = said.get("field").asText();
      op = said.get("op").asText();
      text = said.get("value").asText();
      figure = said.get("value").asDouble();
    }

    @Override
    public boolean filter(Event event) {
      if (field.equals("name")) {
        return op.equals("contains") ? event.name.contains(text) : event.name.equals(text);
      }
      return switch (op) {
        case ">" -> event.price > figure;
        case "<" -> event.price < figure;
        case ">=" -> event.price >= figure;
        default -> event.price == figure;
      };
    }
  }

  static class Report extends PatternProcessFunction<Event, String> {
    @Override
    public void processMatch(
        Map<String, List<Event>> match, Context context, Collector<String> out) {
      TreeSet<Integer> places = new TreeSet<>();
      int stream = 0;
      for (List<Event> events : match.values()) {
        for (Event event : events) {
          places.add(event.place);
          stream = event.stream;
        }
      }
      out.collect(stream + " " + places);
    }
  }

  static class OnlyAtTheEnd implements WatermarkGenerator<Event> {
    @Override
    public void onEvent(Event event, long time, WatermarkOutput output) {}

    @Override
    public void onPeriodicEmit(WatermarkOutput output) {}
  }

  static Pattern built(JsonNode steps) {
    Pattern pattern = null;
    for (JsonNode step : steps) {
      String name = step.get("name").asText();
      pattern =
          switch (step.get("contiguity").asText()) {
            case "begin" -> Pattern.<Event>begin(name);
            case "strict" -> pattern.next(name);
            case "relaxed" -> pattern.followedBy(name);
            case "any" -> pattern.followedByAny(name);
            case "not_strict" -> pattern.notNext(name);
            case "not_relaxed" -> pattern.notFollowedBy(name);
            default -> throw new IllegalArgumentException(step.toString());
          };
      pattern = pattern.where(new Fits(step.get("where")));
      if (step.has("times")) {
        int least = step.get("times").get(0).asInt();
        JsonNode most = step.get("times").get(1);
        if (most.isNull()) {
          pattern = least == 1 ? pattern.oneOrMore() : pattern.timesOrMore(least);
        } else if (most.asInt() == least) {
          pattern = pattern.times(least);
        } else {
          pattern = pattern.times(least, most.asInt());
        }
      }
      if (step.path("consecutive").asBoolean()) pattern = pattern.consecutive();
      if (step.path("allowCombinations").asBoolean()) pattern = pattern.allowCombinations();
      if (step.path("greedy").asBoolean()) pattern = pattern.greedy();
      if (step.path("optional").asBoolean()) pattern = pattern.optional();
      if (step.has("until")) pattern = pattern.until(new Fits(step.get("until")));
    }
    return pattern;
  }

  static Set<String> judged(JsonNode asked) throws Exception {
    Pattern pattern = built(asked.get("pattern"));
    if (!asked.get("within_ms").isNull()) {
      pattern = pattern.within(Duration.ofMillis(asked.get("within_ms").asLong()));
    }
    List<Event> events = new ArrayList<>();
    int streams = 0;
    for (JsonNode stream : asked.get("streams")) {
      int place = 0;
      for (JsonNode said : stream) {
        Event event = new Event();
        event.stream = streams;
        event.place = place++;
        event.name = said.get("name").asText();
        event.price = said.get("price").asDouble();
        event.time = said.get("ts").asLong();
        events.add(event);
      }
      streams++;
    }
    StreamExecutionEnvironment cluster = StreamExecutionEnvironment.getExecutionEnvironment();
    cluster.setParallelism(1);
    DataStream<Event> sent =
        cluster
            .fromData(events)
            .assignTimestampsAndWatermarks(
                WatermarkStrategy.<Event>forGenerator(context -> new OnlyAtTheEnd())
                    .withTimestampAssigner((event, before) -> event.time));
    DataStream<String> found =
        CEP.pattern(sent.keyBy(event -> event.stream), (Pattern<Event, ?>) pattern)
            .inEventTime()
            .process(new Report());
    Set<String> matches = new TreeSet<>();
    try (var told = found.executeAndCollect()) {
      told.forEachRemaining(matches::add);
    }
    return matches;
  }

  public static void main(String[] args) throws Exception {
    ObjectMapper json = new ObjectMapper();
    List<Object> answers = new ArrayList<>();
    for (JsonNode asked : json.readTree(new File(args[0]))) {
      Map<String, Object> answer = new TreeMap<>();
      try {
        answer.put("matches", judged(asked));
      } catch (Exception refusal) {
        answer.put("refused", refusal.toString());
      }
      answers.add(answer);
    }
    json.writeValue(new File(args[1]), answers);
  }
}
