import DequeModule
import Engine

/// An event that waits, with the context of the call that caused it.
struct WaitingEvent {
    let data: RawJSON
    let trace: TraceContext
}

/// Events in order of arrival, and how many bytes they keep.
struct EventQueue {
    private var events: Deque<WaitingEvent> = []
    private(set) var bytes = 0

    var count: Int { events.count }
    var isEmpty: Bool { events.isEmpty }
    var first: WaitingEvent? { events.first }

    mutating func append(_ event: WaitingEvent) {
        events.append(event)
        bytes += event.data.count
    }

    mutating func popFirst() -> WaitingEvent? {
        guard let event = events.popFirst() else { return nil }
        bytes -= event.data.count
        return event
    }
}
