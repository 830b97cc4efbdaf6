import Engine
import NIOCore

/// `engine::functions-available`: tells when the set of function ids has changed (engine-functions.md §7).
///
/// Driven by changes instead of a poll: a change is reported after a short pause that gathers its neighbours, and at
/// most once per period. An idle engine has no timer. As upstream, only a difference to the set last looked at
/// counts: an id that came and went in between is not news.
final class FunctionsAvailable {
    static let type = TriggerTypeDescription(
        id: "engine::functions-available",
        description: "Triggered when functions are registered/unregistered"
    )
    /// How long a change waits for others.
    static let debounce = TimeAmount.milliseconds(100)
    /// Least time between two looks at the registry.
    static let period = TimeAmount.seconds(5)

    let bindings: EngineTriggerBindings
    private unowned let engine: Engine
    private var known: Set<Name> = []
    private var lastLook: NIODeadline?
    private var next: Scheduled<Void>?

    init(engine: Engine) {
        self.engine = engine
        bindings = EngineTriggerBindings(engine: engine)
    }

    func functionsChanged() {
        guard next == nil else { return }
        let now = engine.loop.now
        let soonest = now + Self.debounce
        let time = lastLook.map { max(soonest, $0 + Self.period) } ?? soonest
        next = engine.loop.assumeIsolated().scheduleTask(in: time - now) { self.look() }
    }

    func stop() {
        next?.cancel()
        next = nil
    }

    private func look() {
        next = nil
        lastLook = engine.loop.now
        let current = Set(engine.allFunctions.map { Name($0.id) })
        guard current != known else { return }
        known = current
        guard !bindings.isEmpty else { return }
        let rows = engine.allFunctions.sorted { Name($0.id) < Name($1.id) }.map { engine.listRow(of: $0) }
        bindings.fire(["event": "functions_changed", "functions": .array(rows)])
    }
}
