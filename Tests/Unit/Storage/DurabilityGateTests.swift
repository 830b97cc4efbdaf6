import Synchronization
import Testing

@testable import Storage
@testable import StorageTesting

/// Order and exactly-once of durability callbacks (I1, I4).
@Suite struct DurabilityGateTests {
    final class Journal: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func write(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private func wait(_ gate: DurabilityGate, _ lsn: UInt64, _ journal: Journal) {
        gate.wait(for: LSN(rawValue: lsn)) { error in journal.write(error == nil ? "\(lsn)" : "\(lsn) failed") }
    }

    @Test func callbacksRunInOrderOfPosition() {
        let journal = Journal()
        let gate = DurabilityGate(durable: .zero) { $0() }
        for lsn in [5, 3, 9, 4, 3] as [UInt64] { wait(gate, lsn, journal) }
        #expect(journal.all.isEmpty)
        gate.publish(LSN(rawValue: 4))
        #expect(journal.all == ["3", "3", "4"])
        gate.publish(LSN(rawValue: 9))
        #expect(journal.all == ["3", "3", "4", "5", "9"])
        wait(gate, 9, journal)
        #expect(journal.all.last == "9" && gate.waiterCount == 0)
    }

    /// What is durable but queued behind undelivered callbacks must not overtake them.
    @Test func nothingOvertakesADeliveryInProgress() {
        let journal = Journal()
        let deliveries = Mutex<[@Sendable () -> Void]>([])
        let gate = DurabilityGate(durable: .zero) { body in deliveries.withLock { $0.append(body) } }
        wait(gate, 1, journal)
        gate.publish(LSN(rawValue: 2))
        wait(gate, 2, journal)
        gate.publish(LSN(rawValue: 3))
        wait(gate, 3, journal)
        #expect(journal.all.isEmpty && !gate.isDelivered(LSN(rawValue: 1)))
        let bodies = deliveries.withLock { $0 }
        #expect(bodies.count == 1, "one delivery at a time")
        bodies[0]()
        #expect(journal.all == ["1", "2", "3"] && gate.isDelivered(LSN(rawValue: 3)))
    }

    @Test func aFailureReachesEverybodyWhoIsNotDurable() {
        let journal = Journal()
        let gate = DurabilityGate(durable: .zero) { $0() }
        wait(gate, 1, journal)
        wait(gate, 2, journal)
        gate.publish(LSN(rawValue: 1))
        gate.fail(StorageError(.durabilityLost, "test"))
        wait(gate, 3, journal)
        wait(gate, 1, journal)
        #expect(journal.all == ["1", "2 failed", "3 failed", "1"])
    }

    /// Who blocks is woken by the thread that makes it durable: also when the one that runs callbacks never does, because
    /// it is the one that blocks.
    @Test func blockingNeedsNoDelivery() throws {
        let journal = Journal()
        let gate = DurabilityGate(durable: .zero) { _ in }
        wait(gate, 1, journal)
        let thread = try WorkerThread(name: "publisher") {
            for lsn in 1...3 as ClosedRange<UInt64> { gate.publish(LSN(rawValue: lsn)) }
        }
        for lsn in [2, 3, 1] as [UInt64] { #expect(gate.block(until: LSN(rawValue: lsn)) == nil) }
        thread.join()
        #expect(journal.all.isEmpty && !gate.isDelivered(LSN(rawValue: 3)))
        let failing = try WorkerThread(name: "failing") { gate.fail(StorageError(.durabilityLost, "test")) }
        #expect(gate.block(until: LSN(rawValue: 4))?.code == .durabilityLost)
        failing.join()
        #expect(gate.block(until: LSN(rawValue: 3)) == nil, "what was durable stays so")
    }

    @Test func callbacksMayWaitAgain() {
        let journal = Journal()
        let gate = DurabilityGate(durable: .zero) { $0() }
        gate.wait(for: LSN(rawValue: 1)) { _ in
            journal.write("outer")
            gate.wait(for: LSN(rawValue: 1)) { _ in journal.write("inner") }
            gate.wait(for: LSN(rawValue: 2)) { _ in journal.write("later") }
        }
        gate.publish(LSN(rawValue: 1))
        #expect(journal.all == ["outer", "inner"])
        gate.publish(LSN(rawValue: 2))
        #expect(journal.all == ["outer", "inner", "later"])
    }

    /// I10: reads can't pile up without bound while the disk stands still; commits keep their place.
    @Test func readsAreRefusedBeyondTheBound() {
        let gate = DurabilityGate(durable: .zero) { $0() }
        let refused = Counter()
        let released = Counter()
        for _ in 0..<LogLimits.maximumWaiters {
            gate.wait(for: LSN(rawValue: 1), isRead: true) { $0 == nil ? released.add() : refused.add() }
        }
        gate.wait(for: LSN(rawValue: 1), isRead: true) { error in
            #expect(error?.code == .overloaded)
            refused.add()
        }
        gate.wait(for: LSN(rawValue: 1)) { _ in released.add() }
        #expect(refused.value == 1 && released.value == 0)
        gate.publish(LSN(rawValue: 1))
        #expect(refused.value == 1 && released.value == LogLimits.maximumWaiters + 1)
    }
}
