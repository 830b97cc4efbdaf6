import Synchronization

/// A number between threads.
final class Counter: Sendable {
    private let number = Atomic(0)

    var value: Int { number.load(ordering: .acquiring) }

    func add() { number.wrappingAdd(1, ordering: .releasing) }
}
