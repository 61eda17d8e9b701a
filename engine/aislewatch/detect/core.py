"""The core of one store: events in, records out.

A pure state machine. Time moves by the ticks among its inputs and by nothing else; how the inputs
are cut into batches makes no difference, nor does their order within the allowed lateness. Events
and deadlines run in one order, so that a jump of the watermark gives what a walk would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aislewatch.detect.begun import begin, forget, note
from aislewatch.detect.bound import Bound
from aislewatch.detect.due import Due, judging_order
from aislewatch.detect.health import Health
from aislewatch.detect.incidents import Incidents, Scoring
from aislewatch.detect.judgement import Compiler
from aislewatch.detect.judging import compile_judge
from aislewatch.detect.lists import NamedLists
from aislewatch.detect.order import Fate, Order, order_key
from aislewatch.detect.plan import HOUSEKEEPING_US, Plan, RulePlan, Undecided, Verdict
from aislewatch.detect.settings import Settings, configuration
from aislewatch.detect.signals import Change, SignalChange, Signals, signal_id
from aislewatch.detect.snapshot import CoreState, decode_state, encode_state
from aislewatch.detect.telling import Teller
from aislewatch.events.codec import content_hash
from aislewatch.events.kinds import ClockTick, DeviceState, Event, ListChanged, VisionSnapshot
from aislewatch.events.model import StoreModel
from aislewatch.events.record import Record
from aislewatch.events.registry import Registry
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import heard_by, with_signals


class Core:
    """Detection for one store.

    Args:
        settings: the store's own figures.
        model: the store model.
        rules: live and shadow rules judge; others are ignored.
        registry: the kinds of event of this installation.
        snapshot: continue from here; what :meth:`snapshot` gave, possibly under other rules.
        compiler: makes the judges; another one may watch them, and must decide alike.
    """

    def __init__(
        self,
        settings: Settings,
        model: StoreModel,
        rules: Sequence[Rule],
        registry: Registry,
        snapshot: bytes | None = None,
        compiler: Compiler = compile_judge,
    ) -> None:
        silent = {rule.id for rule in rules if rule.status not in {"live", "shadow"}}
        rules = [rule for rule in rules if rule.status in {"live", "shadow"}]
        registry = with_signals(registry, heard_by(rules))
        state = decode_state(snapshot, registry) if snapshot is not None else CoreState()
        self.settings = settings
        self._state = state
        self._model = model
        self._order = Order(
            settings.lateness_us, settings.horizon_us, settings.ahead_us, state.order
        )
        self._health = Health(state.health)
        self._lists = NamedLists(model.lists, state.lists)
        self._signals = Signals(state.signals)
        self._due = Due()
        self._teller = Teller(settings.store)
        scoring = Scoring(settings.priors_cb, settings.merge_window_us, settings.span_us)
        self._incidents = Incidents(settings.store, scoring, state.incidents)
        self._plan = Plan(
            rules,
            registry,
            model,
            self._health,
            horizon_us=settings.horizon_us,
            take_anchor=self._take_anchor,
            due=self._due.at_once,
            silent=silent,
            compiler=compiler,
            lists=self._lists,
            store=settings.store,
            doubts=state.doubts,
        )
        self._news: dict[type[Event], Callable[[Any], None]] = {
            DeviceState: self._take_state,
            ListChanged: self._take_list,
            VisionSnapshot: self._take_picture,
        }
        for cls, tell in self._news.items():
            self._plan.intake[cls] = self._before(self._plan.intake[cls], tell)
        self._configuration = configuration(settings, self._plan)
        self._stop = -1
        self._judged = -1
        begin(self._plan, state.begun, self._order.watermark)
        self._bound = Bound(self._plan, settings.evidence, state.let_go, state.begun.rules)
        for event in sorted(state.evidence, key=order_key):
            self._plan.insert(event)
        by_id = {plan.rule.id: plan for plan in self._plan.rules}
        for rule, deadline, anchor in state.pending:
            if rule in by_id:
                self._due.wait(by_id[rule], anchor, deadline)

    @property
    def counters(self) -> Mapping[str, int]:
        """What arrived, and what became of it; outside the chain."""
        return self._state.counters

    @property
    def watermark(self) -> int:
        """Event time up to which everything is decided, microseconds; -1 before the first tick."""
        return self._order.watermark

    def step(self, events: Iterable[Event]) -> list[Record]:
        """Take events in the order of the log; give what they decided, in order.

        Args:
            events: each an object of its own, and the core's from now on. A resend is known by its
                id and content, but the very same object, given twice before a tick releases it,
                counts twice: decoding never makes it, and to look for it would cost every event.
        """
        self._teller.records = []
        order, enrichers = self._order, self._model.enrichers
        held = order.state.held
        after, until = order.admits
        events = list(events)
        for event in events:
            if event.__class__ is ClockTick:
                assert isinstance(event, ClockTick)
                self._tick(event)
                held = order.state.held
                after, until = order.admits
            elif after < event.time <= until:
                held.append(enrichers[event.__class__](event))
            else:
                self._stray(self._model.enrich(event))
        self._count("events", len(events))
        return self._teller.records

    def snapshot(self) -> bytes:
        """Give all state as bytes; a core that starts from them goes on as if never stopped."""
        self._state.evidence = self._plan.kept.retained()
        note(self._plan, self._state.begun)
        self._state.pending = [
            (plan.rule.id, deadline, anchor) for plan, deadline, anchor in self._due.waiting()
        ]
        return encode_state(self._state)

    # In order ------------------------------------------------------------------------------------

    def _tick(self, tick: ClockTick) -> None:
        self._configure(tick.time)
        order, intake = self._order.state, self._plan.intake
        known, older = order.known, order.older
        released = self._order.tick(tick)
        self._bound.coming(len(released))
        for event in released:
            time = event.time
            if time >= self._stop:
                self._come_to(time)
                known, older = order.known, order.older
            ident = event.id
            if ident in older or known.setdefault(ident, event) is not event:
                self._judge_through(time - 1)
                other = self._order.remember(event)
                if not self._wins(event, other, time, time - 1):
                    continue
            intake[event.__class__](event)
        watermark = self._order.watermark
        if tick.final:
            # Nothing more will come: what still waits is decided on what there is.
            watermark = max(watermark, self._due.last_us)
            self._order.advance(watermark)
        self._judge_through(watermark)
        self._keep_house(watermark)

    def _come_to(self, time: int) -> None:
        """Decide what is due before a time, and let go of what no longer matters at it."""
        kept = self._plan.kept
        self._judge_through(time - 1)
        if time > self._state.housekeeping:
            self._keep_house(time - 1)
        if time >= kept.turn_at:
            kept.turn(time)
        self._stop = min(self._due.next_us + 1, self._state.housekeeping + 1, kept.turn_at)

    def _take_anchor(self, plan: RulePlan, anchor: Event) -> None:
        if plan.wait_us == 0 and not self._plan.layered:
            # Its evidence is all there; it is judged together with others of its kind.
            self._due.at_once.append((plan, anchor))
            return
        deadline = anchor.time + plan.wait_us
        if deadline < self._stop:
            self._stop = deadline + 1
        self._due.wait(plan, anchor, deadline)

    def _judge_through(self, limit: int) -> None:
        """Judge what is due up to and including a time, in the order of deadlines."""
        while self._due:
            deadline = min(self._due.next_us, limit + 1)
            self._judge_due_before(deadline)
            if deadline > limit:
                return
            if deadline > self._state.housekeeping:
                self._keep_house(deadline - 1)
            for plan, anchor in self._due.take_next():
                self._judge(plan, anchor, deadline)

    def _judge_due_before(self, time: int) -> None:
        due = self._due.take_before(time)
        if not self._plan.orderly:
            due.sort(key=judging_order)
        for plan, anchor in due:
            verdict = plan.judge(anchor)
            if verdict is not None:  # Most do not hold, and there is nothing to tell.
                self._take_verdict(plan, anchor, verdict, anchor.time)

    def _judge(self, plan: RulePlan, anchor: Event, now: int, *, late: Event | None = None) -> None:
        verdict = plan.judge(anchor)
        if verdict is not None or late is not None:
            self._take_verdict(plan, anchor, verdict, now, late)

    def _take_verdict(
        self, plan: RulePlan, anchor: Event, verdict: Verdict, now: int, late: Event | None = None
    ) -> None:
        ident = signal_id(plan.rule.id, anchor)
        decided = False
        if isinstance(verdict, Undecided):
            if ident not in self._state.undecided:
                self._state.undecided[ident] = now
                self._teller.undecided(plan.rule.id, ident, anchor, verdict, now)
                # Before it is withdrawn, so that nobody takes it for decided in between.
                self._doubt(self._plan.doubts.tell(plan.rule.id, ident, anchor), now)
            verdict = None
        elif self._state.undecided:
            decided = self._state.undecided.pop(ident, None) is not None
        if verdict is not None or self._signals.holds(ident):
            signal = plan.signal(ident, anchor, verdict) if verdict is not None else None
            self._change(self._signals.verdict(ident, signal), now, late)
        if decided:
            self._doubt(self._plan.doubts.untell(ident), now)

    def _change(self, changes: list[SignalChange], now: int, late: Event | None) -> None:
        for change in changes:
            signal = change.signal
            self._teller.signal(change, now, late)
            if signal.rule in self._plan.heard:
                self._hear(change, now)
            if signal.live:
                self._teller.steps(self._incidents.apply(change, now))

    def _doubt(self, maybe: Event | None, now: int) -> None:
        """Judge anew what rests on a signal of which it is open, or is no more, whether it is."""
        if maybe is not None and maybe.time <= self._judged:
            self._rejudge_each(self._plan.doubted_by(maybe), maybe, now, self._judged)

    def _hear(self, change: SignalChange, now: int) -> None:
        """Let the rules that judge signals know of one that came, changed or went."""
        if change.before is not None:
            event = self._plan.as_event(change.before, self.settings.store)
            if event is not None:
                self._retract(event, now, self._judged)
        if change.change is not Change.WITHDRAWN:
            event = self._plan.as_event(change.signal, self.settings.store)
            if event is None:
                return
            self._plan.insert(event)
            self._bound.grown()
            for plan in self._plan.anchored_by(event):
                self._take_anchor(plan, event)
            if event.time <= self._judged:
                # It speaks of a time that is past: of those who looked there, it is news.
                self._rejudge(event, now, self._judged)

    # Out of order --------------------------------------------------------------------------------

    def _stray(self, event: Event) -> None:
        fate = self._order.fate(event)
        if fate is Fate.DUPLICATE:
            self._count("duplicates")
            return
        self._configure(event.time)
        if fate is Fate.AHEAD or fate is Fate.TOO_LATE:
            self._count(fate.value)
            reason = (
                "further ahead of the clock than the store allows"
                if fate is Fate.AHEAD
                else "older than the store's horizon for late events"
            )
            self._teller.event(
                f"device/{event.device}", "event.refused", event.time, event, reason=reason
            )
            return
        now = self._order.watermark
        known = self._order.remember(event)
        if known is not event and not self._wins(event, known, now, now):
            return
        self._count("late")
        self._teller.event(
            f"device/{event.device}", "event.late", event.time, event, late_us=now - event.time
        )
        self._plan.insert(event)
        self._bound.grown()
        if isinstance(event, DeviceState):
            self._take_state(event)
        elif isinstance(event, ListChanged):
            self._take_list(event)
        elif isinstance(event, VisionSnapshot):
            self._take_picture(event)
        for plan in self._plan.anchored_by(event):
            self._take_anchor(plan, event)
        self._rejudge(event, now, now)
        self._judge_through(now)

    def _rejudge(self, event: Event, now: int, judged: int) -> None:
        """Judge anew every anchor due by ``judged`` that an event, come or gone, may bear on."""
        self._judged = judged
        self._rejudge_each(self._plan.touched_by(event), event, now, judged)

    def _rejudge_each(
        self, touched: Iterable[tuple[RulePlan, Event]], event: Event, now: int, judged: int
    ) -> None:
        final = self._state.housekeeping - HOUSEKEEPING_US - self.settings.horizon_us
        for plan, anchor in touched:
            # What was decided before house was kept is final: its signal is forgotten.
            if not final <= anchor.time + plan.wait_us <= judged or anchor is event:
                continue
            # One that is a signal may have gone with what was judged before it.
            if not self._plan.layered or plan.knows(anchor):
                self._judge(plan, anchor, now, late=event)

    def _wins(self, event: Event, known: Event, now: int, judged: int) -> bool:
        """Deal with a second content under a known id; say whether it is the one that counts.

        Args:
            event: the second.
            known: what counted so far.
            now: event time to stamp what follows with.
            judged: what was due until then has been judged.
        """
        if self._order.is_duplicate(event):
            self._count("duplicates")
            return False
        self._count("conflicts")
        winner = self._order.contradict(event)
        loser = known if winner is event else event
        self._teller.event(
            f"device/{event.device}",
            "device.fault",
            event.time,
            loser,
            reason="two events under one id; the one with the lower hash counts",
            winner=content_hash(winner).hex(),
        )
        if winner is not event:
            return False
        self._retract(known, now, judged)
        return True

    def _retract(self, event: Event, now: int, judged: int) -> None:
        """Take back an event that turned out not to count."""
        self._judged = judged
        self._plan.remove(event)
        if isinstance(event, DeviceState):
            self._health.untell(event)
        elif isinstance(event, ListChanged):
            self._lists.untell(event)
        self._due.drop(event)
        for plan in self._plan.anchored_by(event):
            ident = signal_id(plan.rule.id, event)
            self._state.undecided.pop(ident, None)
            self._change(self._signals.verdict(ident, None), now, event)
            self._doubt(self._plan.doubts.untell(ident), now)
        self._rejudge(event, now, judged)

    # Records -------------------------------------------------------------------------------------

    def _configure(self, time: int) -> None:
        """Write which rules and model decide from here on, where they are not what they were."""
        if self._state.configuration != self._configuration:
            self._state.configuration = self._configuration
            self._teller.record("store", "store.configured", time, self._configuration.encode())

    def _take_state(self, event: DeviceState) -> None:
        self._health.tell(event)
        self._teller.event(f"device/{event.device}", "device.state", event.time, event)

    def _take_list(self, event: ListChanged) -> None:
        self._lists.tell(event)
        self._teller.event(f"list/{event.list_name}", "list.changed", event.time, event)

    def _take_picture(self, event: VisionSnapshot) -> None:
        # On record whatever rules make of it: its file is proved by its hash.
        self._teller.event(f"picture/{event.picture}", "picture.kept", event.time, event)

    def _before(
        self, intake: Callable[[Any], None], tell: Callable[[Any], None]
    ) -> Callable[[Any], None]:
        """Have an event change what rules are judged by before all else that is done with it."""

        def take(event: Event) -> None:
            self._judge_through(event.time - 1)
            tell(event)
            intake(event)

        return take

    def _count(self, name: str, by: int = 1) -> None:
        counters = self._state.counters
        counters[name] = counters.get(name, 0) + by

    # Housekeeping --------------------------------------------------------------------------------

    def _keep_house(self, limit: int) -> None:
        """Let go of the past at every fifth full minute of event time up to a limit."""
        state = self._state
        if limit < state.housekeeping:
            return
        # At the first minute that is due all is there that a walk would have found at it.
        self._plan.kept.turn(state.housekeeping)
        for gone in self._bound.keep():
            self._count("let go", gone.events)
            self._teller.let_go(gone, self.settings.evidence, state.housekeeping)
        due = limit // HOUSEKEEPING_US * HOUSEKEEPING_US
        past = due - self.settings.horizon_us
        # Also where no event ever comes again: what is too old goes by time alone.
        self._plan.kept.turn(due)
        self._teller.steps(self._incidents.settle(past))
        self._signals.forget(past)
        self._health.forget(past - self._plan.span_us)
        self._lists.forget(past - self._plan.span_us)
        self._plan.doubts.forget(past - self._plan.span_us)
        self._order.forget(due, HOUSEKEEPING_US)
        self._bound.forget(past - self._plan.span_us)
        forget(state.begun, past - self._plan.span_us)
        for ident in [s for s, time in state.undecided.items() if time < past]:
            del state.undecided[ident]
        state.housekeeping = due + HOUSEKEEPING_US
