import Engine
import Logging
import NIOCore

/// Delivers the events of one trigger to its handler: at most once, in order, within bounds (protocol.md §11.8).
///
/// Without a condition the handler is called at once. With one, events of a lane wait for its answers one after
/// another, so that a slow condition can't reorder them; lanes don't wait for each other. There is no timeout, as
/// upstream: a condition or handler that never answers holds its events until its worker is lost, and
/// `TriggerDeliveryLimits` bound what piles up behind it.
///
/// One delivery belongs to one registration: `close` it when the trigger goes or is replaced.
final class TriggerDelivery<Lane: Hashable> {
    let trigger: Trigger
    private let conditionFunctionID: String?
    private let engine: Engine
    private let logger: Logger
    private let limits: TriggerDeliveryLimits

    /// A lane is present while its condition is being asked, also when nothing waits behind that.
    private var lanes: [Lane: EventQueue] = [:]
    /// Events that have passed the condition, if any, and wait until the handler has answered earlier ones.
    private var passed = EventQueue()
    private(set) var waitingEvents = 0
    private(set) var waitingBytes = 0
    private(set) var invocationsInFlight = 0
    private var isHandingOut = false
    /// Of functions in the engine, within a millisecond; and those that wait for a later turn.
    private var callsInARow = 0
    private var putOffCalls = 0
    private var isClosed = false

    private var drops = OccurrenceLog()
    private var conditionFailures = OccurrenceLog()
    private var handlerFailures = OccurrenceLog()

    init(
        of trigger: Trigger,
        condition: String?,
        engine: Engine,
        logger: Logger,
        limits: TriggerDeliveryLimits = TriggerDeliveryLimits()
    ) {
        self.trigger = trigger
        self.conditionFunctionID = condition
        self.engine = engine
        self.logger = logger
        self.limits = limits
    }

    /// Events that were dropped because others waited.
    var droppedEvents: UInt64 { drops.count }

    func deliver(_ data: RawJSON, lane: Lane, trace: TraceContext = .none) {
        guard !isClosed else { return }
        let event = WaitingEvent(data: data, trace: trace)
        if let conditionFunctionID {
            enqueue(event, lane, conditionFunctionID)
        } else if passed.isEmpty, handlerHasRoom {
            invokeHandler(event)
        } else if hasRoom(for: event) {
            hold(event)
            passed.append(event)
        } else {
            drop("its handler doesn't keep up")
        }
    }

    /// Forgets what waits. Answers that come later have no effect.
    func close() {
        isClosed = true
        lanes = [:]
        passed = EventQueue()
        waitingEvents = 0
        waitingBytes = 0
    }

    // MARK: Bounds

    private func hasRoom(for event: WaitingEvent) -> Bool {
        guard waitingEvents > 0 else { return true }
        return waitingEvents < limits.waitingEvents && waitingBytes + event.data.count <= limits.waitingBytes
    }

    private func hasRoom(for event: WaitingEvent, in lane: EventQueue) -> Bool {
        guard !lane.isEmpty else { return true }
        return lane.count < limits.laneEvents && lane.bytes + event.data.count <= limits.laneBytes
    }

    private func hold(_ event: WaitingEvent) {
        waitingEvents += 1
        waitingBytes += event.data.count
    }

    private func release(_ event: WaitingEvent) {
        waitingEvents -= 1
        waitingBytes -= event.data.count
    }

    private func drop(_ reason: String) {
        guard drops.notesNext() else { return }
        warn(
            "trigger event dropped: \(reason)",
            ["dropped.events": "\(drops.count)", "waiting.events": "\(waitingEvents)"]
        )
    }

    private func warn(_ message: String, _ facts: Logger.Metadata) {
        var metadata = facts
        metadata["trigger.id"] = "\(trigger.id)"
        metadata["trigger.type"] = "\(trigger.type)"
        logger.warning("\(message)", metadata: metadata)
    }

    // MARK: Conditions

    private func enqueue(_ event: WaitingEvent, _ lane: Lane, _ condition: String) {
        guard hasRoom(for: event), hasRoom(for: event, in: lanes[lane] ?? EventQueue()) else {
            return drop("its condition doesn't keep up")
        }
        hold(event)
        let isIdle = lanes[lane] == nil
        lanes[lane, default: EventQueue()].append(event)
        if isIdle { evaluate(lane, condition) }
    }

    /// Asks for one event after the other. A loop, not recursion: when a condition's worker is lost, everything behind
    /// the event that it had is answered at once.
    private func evaluate(_ lane: Lane, _ condition: String) {
        while let event = lanes[lane]?.first {
            var isAsking = true
            var isAnswered = false
            call(condition) {
                self.engine.evaluate(condition: condition, data: event.data, trace: event.trace) { decision in
                    isAnswered = true
                    self.decide(decision, lane)
                    if !isAsking { self.evaluate(lane, condition) }
                }
            }
            isAsking = false
            guard isAnswered else { return }
        }
        lanes[lane] = nil
    }

    private func decide(_ decision: Result<Bool, InvocationError>, _ lane: Lane) {
        guard !isClosed, let event = lanes[lane]?.popFirst() else { return }
        switch decision {
        case .success(true):
            // Still held: it moves from one queue to the other.
            passed.append(event)
            handOut()
        case .success(false):
            release(event)
        case .failure(let error):
            release(event)
            guard conditionFailures.notesNext() else { return }
            warn(
                "trigger event skipped: its condition failed",
                ["error": "\(error)", "condition.failures": "\(conditionFailures.count)"]
            )
        }
    }

    // MARK: Handler

    private var handlerHasRoom: Bool { invocationsInFlight < limits.invocations }

    /// A loop for the same reason as `evaluate`.
    private func handOut() {
        guard !isHandingOut else { return }
        isHandingOut = true
        while handlerHasRoom, let event = passed.popFirst() {
            release(event)
            invokeHandler(event)
        }
        isHandingOut = false
    }

    private func invokeHandler(_ event: WaitingEvent) {
        invocationsInFlight += 1
        call(trigger.functionID) {
            self.engine.invoke(
                self.trigger.functionID,
                data: event.data,
                metadata: self.trigger.metadata,
                trace: event.trace,
                reply: self.handlerAnswered
            )
        }
    }

    private func handlerAnswered(_ outcome: InvocationOutcome) {
        invocationsInFlight -= 1
        if case .failure(let error) = outcome, handlerFailures.notesNext() {
            warn(
                "trigger handler failed",
                [
                    "function": "\(trigger.functionID)", "error": "\(error)",
                    "handler.failures": "\(handlerFailures.count)",
                ]
            )
        }
        handOut()
    }

    /// A function in the engine may cause the next event before it returns, `state::delete` on its own events for one. After
    /// some such calls in a row the next ones get later turns: a trigger that feeds itself is then a slow loop beside everything
    /// else, not recursion. By a timer, since the loop runs all that was merely put off before it looks at a socket again.
    private func call(_ functionID: String, _ body: @escaping () -> Void) {
        guard engine.function(functionID)?.isInProcess == true else { return body() }
        if callsInARow == 0 { later { self.callsInARow = 0 } }
        callsInARow += 1
        guard callsInARow > Self.maximumCallsInARow || putOffCalls > 0 else { return body() }
        putOffCalls += 1
        later {
            self.putOffCalls -= 1
            body()
        }
    }

    private func later(_ body: @escaping () -> Void) {
        engine.loop.assumeIsolated().scheduleTask(in: .milliseconds(1), body)
    }

    private static var maximumCallsInARow: Int { 64 }
}

/// The lane of triggers whose events are all in one order.
struct SingleLane: Hashable {}

extension TriggerDelivery where Lane == SingleLane {
    func deliver(_ data: RawJSON, trace: TraceContext = .none) {
        deliver(data, lane: SingleLane(), trace: trace)
    }
}
