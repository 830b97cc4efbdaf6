import Glibc
import Synchronization
import Testing

@testable import Storage
@testable import StorageTesting

/// Every kind of waiter is answered exactly once, whatever ends its wait. Waiters of a full store hung when it closed, and a
/// checkpoint that failed beside a sync trapped.
@Suite struct WaiterTests {
    enum Kind: String, CaseIterable {
        case commit, read, thread, room, checkpoint, checkpointUnderWay
    }

    enum End: String, CaseIterable {
        case written, logFails, syncFails, snapshotFails, snapshotFailsBesideASync, fullDiskAndRoomAgain, damage
        case close, closeOfAFullStore, closeAfterDamage, closeWithoutRoomForTheSnapshot

        /// Nobody can hope any more, although the store is open.
        var isFinal: Bool {
            switch self {
            case .logFails, .syncFails, .snapshotFails, .snapshotFailsBesideASync, .damage: true
            default: false
            }
        }
    }

    private final class Hook: Sendable {
        private let body = Mutex<(@Sendable () -> Void)?>(nil)

        func set(_ new: @escaping @Sendable () -> Void) { body.withLock { $0 = new } }

        func run() {
            let body = body.withLock { $0 }
            body?()
        }
    }

    /// A store with all kinds of waiters.
    ///
    /// `@unchecked Sendable`: one test steps it; callbacks touch `answers` only.
    private final class Subject: @unchecked Sendable {
        let disk = SimulatedDisk()
        let store: SimulatedStore
        let answers = Mutex<[Kind: [StorageError?]]>([:])
        private var blocked: WorkerThread?

        init(_ end: End) throws {
            var options = SimulatedStore.options(direct: end != .syncFails, clock: clock)
            options.maximumPendingTransactions = 2
            // Without a rotation between: the slow write is the batch's.
            if end == .snapshotFailsBesideASync { options.initialSegmentBytes *= 2 }
            let hook = hook
            options.onWarning = { text in
                guard text.contains("a sync of the log took") else { return }
                hook.run()
            }
            store = try SimulatedStore(disk, options: options)
            try store.putDurably("a", "1")
            try store.putDurably("b", "2")
            // The checkpoint that will fail beside a later sync has all it needs.
            if end == .snapshotFailsBesideASync { beginCheckpoint() }
            for key in ["c", "d"] {
                try store.put(key, "3").whenDurable { [self] result in if key == "d" { answer(.commit, result) } }
            }
            store.log.read { view in view.get(SimulatedStore.rows, key: Bytes("d".utf8)) }
                .whenDurable { [self] in answer(.read, $0) }
            let gate = store.log.gate
            blocked = try WorkerThread(name: "blocked") { [self] in
                let error = gate.block(until: LSN(rawValue: 4))
                note(.thread, error)
            }
            #expect(wait(for: .room), "it is saturated")
            if end != .snapshotFailsBesideASync { beginCheckpoint() }
            _ = wait(for: .checkpoint)
        }

        let clock = SimulatedClock()
        let hook = Hook()

        private func beginCheckpoint() {
            _ = wait(for: .checkpointUnderWay)
            #expect(store.log.beginCheckpoint())
        }

        /// False: answered in place.
        func wait(for kind: Kind) -> Bool {
            switch kind {
            case .room: return store.log.core.withLock { $0.callWhenUnsaturated { [self] in note(.room, nil) } }
            default:
                store.log.requestCheckpoint { [self] in note(kind, $0) }
                return true
            }
        }

        private func answer<R>(_ kind: Kind, _ result: Result<R, StorageError>) {
            if case .failure(let error) = result { note(kind, error) } else { note(kind, nil) }
        }

        func note(_ kind: Kind, _ error: StorageError?) {
            answers.withLock { $0[kind, default: []].append(error) }
        }

        func join() { blocked?.join() }

        var snapshot: SimulatedSnapshot? { store.log.snapshot as? SimulatedSnapshot }

        var fullDisk: Int { 5 * LogLimits.blockBytes }
    }

    private func bring(_ end: End, to subject: Subject) {
        let (store, disk) = (subject.store, subject.disk)
        let failure = SnapshotFailure.final(StorageError(.durabilityLost, "EIO of the snapshot"))
        switch end {
        case .written: #expect(store.log.writeStep() != .failed)
        case .logFails:
            disk.fail("pwrite", EIO)
            #expect(store.log.writeStep() == .failed)
        case .syncFails:
            disk.fail("fdatasync", EIO)
            #expect(store.log.writeStep() == .failed)
        case .snapshotFails:
            _ = store.log.writeStep()
            subject.snapshot?.failures = [failure]
            guard case .failed = store.log.writeCheckpoint() else {
                Issue.record("not failed")
                return
            }
        case .snapshotFailsBesideASync:
            subject.snapshot?.failures = [failure]
            // Told between the sync and its publication: here the checkpoint's thread runs.
            subject.hook.set { [log = store.log] in _ = log.writeCheckpoint() }
            disk.delay("pwrite", subject.clock)
            #expect(store.log.writeStep() == .failed)
        case .fullDiskAndRoomAgain:
            disk.limit(to: subject.fullDisk)
            #expect(store.log.writeStep() == .outOfSpace)
            let told = subject.answers.withLock { $0 }
            #expect(told[.checkpointUnderWay]?.first??.code == .lowSpace && told[.checkpoint]?.first??.code == .lowSpace)
            #expect(told[.commit] == nil && told[.read] == nil)
            disk.limit(to: nil)
            guard case .wrote(transactions: 2, _) = store.log.writeStep() else {
                Issue.record("not written")
                return
            }
        case .damage, .closeAfterDamage:
            store.log.reportDamage(.snapshotDamaged("/store/snapshot", "a row"))
            if end == .damage { _ = store.log.writeStep() }
        case .close: break
        case .closeOfAFullStore:
            disk.limit(to: subject.fullDisk)
            _ = store.log.writeStep()
        case .closeWithoutRoomForTheSnapshot:
            subject.snapshot?.failures = Array(repeating: .mapFull, count: 4)
        }
    }

    @Test(arguments: End.allCases)
    func everyWaiterIsAnsweredOnce(end: End) throws {
        let subject = try Subject(end)
        bring(end, to: subject)
        if end.isFinal {
            subject.join()
            let told = subject.answers.withLock { $0 }
            for kind in Kind.allCases { #expect(told[kind]?.count == 1, "\(kind) \(end) waits until the store closes") }
        }
        try? subject.store.close()
        subject.join()
        let answers = subject.answers.withLock { $0 }
        for kind in Kind.allCases { #expect(answers[kind]?.count == 1, "\(kind) \(end): \(answers[kind] ?? [])") }
        try check(end, answers)
        // Who comes later is told in place.
        #expect(!subject.wait(for: .room))
        _ = subject.wait(for: .checkpoint)
        let lost = StorageError.Code.durabilityLost
        subject.store.log.gate.wait(for: LSN(rawValue: 99)) { subject.note(.commit, $0) }
        let later = subject.answers.withLock { $0 }
        #expect(later[.checkpoint]?.count == 2 && later[.checkpoint]?.last??.code != nil)
        #expect([lost, .closed, .lowSpace].contains(later[.commit]?.last??.code), "\(later[.commit] ?? [])")
    }

    /// Acknowledged is what is there after a kill.
    private func check(_ end: End, _ answers: [Kind: [StorageError?]]) throws {
        let isLost = [.logFails, .syncFails, .closeOfAFullStore, .snapshotFailsBesideASync].contains(end)
        for kind in [Kind.commit, .read, .thread] {
            let error = answers[kind]?.first ?? nil
            #expect((error != nil) == isLost, "\(kind) \(end): \(String(describing: error))")
        }
    }

    /// What was synced before a failure may be told either way; but nobody hears that a change is safe after hearing that an
    /// earlier one may be lost.
    @Test func nothingIsAcknowledgedAfterAFailure() {
        let gate = DurabilityGate(durable: .zero) { $0() }
        let told = Mutex<[String]>([])
        for lsn in [1, 2] as [UInt64] {
            gate.wait(for: LSN(rawValue: lsn)) { error in told.withLock { $0.append("\(lsn) \(error == nil)") } }
        }
        gate.publish(LSN(rawValue: 1))
        #expect(gate.fail(StorageError(.durabilityLost, "test")))
        gate.publish(LSN(rawValue: 3))
        gate.wait(for: LSN(rawValue: 3)) { error in told.withLock { $0.append("3 \(error == nil)") } }
        #expect(told.withLock { $0 } == ["1 true", "2 false", "3 false"])
        #expect(gate.block(until: LSN(rawValue: 2)) != nil && gate.block(until: LSN(rawValue: 1)) == nil)
        #expect(!gate.fail(StorageError(.closed, "again")) && gate.durableLSN == LSN(rawValue: 1))
    }
}
