import Testing

@testable import Storage
@testable import StorageTesting

/// One way of running the small workload of the crash tests (L1).
struct CrashScenario: Sendable, CustomTestStringConvertible {
    enum Kind: String, CaseIterable, Sendable {
        /// Rotations, seals, checkpoints while changes arrive.
        case plain
        /// Retired segments are used again.
        case recycling
        /// Retired segments are kept for a while.
        case retention
        /// Log encrypted with a fixed key.
        case encrypted
        /// Closed after half of it, and opened with another key.
        case rotated
        /// Closed after half of it, and encrypted from then on.
        case encryptedLater
        /// Checkpoints find no room at first, or a map that must grow.
        case lowSpace
        /// Closed after half of it, with a checkpoint, and opened again.
        case reopened
        /// Closed while a checkpoint is in progress.
        case checkpointInFlight
        /// Sealed, then checkpointed, as an idle store does.
        case idle
    }

    var kind: Kind
    var isDirect: Bool
    /// Any of the names that were not synced may be lost, not only the latest ones.
    var namesAreIndependent = false

    var testDescription: String {
        "\(kind.rawValue) \(isDirect ? "direct" : "buffered")\(namesAreIndependent ? " strict" : "")"
    }

    static let all: [CrashScenario] = Kind.allCases.flatMap { kind in
        [true, false].map { CrashScenario(kind: kind, isDirect: $0, namesAreIndependent: true) }
    }
    static let plain = [true, false].map { CrashScenario(kind: .plain, isDirect: $0) }

    var options: StorageOptions {
        var options = SimulatedStore.options(direct: isDirect)
        switch kind {
        case .recycling: options.maximumSegmentBytes = options.initialSegmentBytes
        case .retention: options.retainLogBytes = UInt64(3 * options.initialSegmentBytes)
        case .encrypted: options.encryption = EncryptionKeys(current: Self.key)
        case .rotated:
            options.encryption = EncryptionKeys(current: Self.secondKey, previous: [Self.key].compactMap { $0 })
        case .encryptedLater:
            options.encryption = EncryptionKeys(current: Self.key)
            options.encryptsExistingStore = true
        case .plain, .lowSpace, .reopened, .checkpointInFlight, .idle: break
        }
        return options
    }

    static let key = try? EncryptionKey(bytes: Bytes(repeating: 0x4B, count: EncryptionKey.bytes))
    static let secondKey = try? EncryptionKey(bytes: Bytes(repeating: 0x4C, count: EncryptionKey.bytes))

    /// The workload is closed and opened again in its middle.
    var hasTwoSessions: Bool { kind == .reopened || kind == .rotated || kind == .encryptedLater }

    /// As the first session opens the store: before the key was changed.
    func openFirst(_ disk: SimulatedDisk) throws(StorageError) -> SimulatedStore {
        var options = options
        if kind == .rotated { options.encryption = EncryptionKeys(current: Self.key) }
        if kind == .encryptedLater { options.encryption = EncryptionKeys() }
        return try SimulatedStore(disk, options: options)
    }

    func open(_ disk: SimulatedDisk) throws(StorageError) -> SimulatedStore {
        try SimulatedStore(disk, options: options)
    }

    func makeDisk() -> SimulatedDisk {
        let disk = SimulatedDisk()
        if namesAreIndependent { disk.loseNamesIndependently() }
        return disk
    }

    /// What happens after the n-th transaction, beside the transaction itself.
    func step(_ number: Int, _ store: SimulatedStore) {
        // One, two or three transactions share a batch; now and then the writer seals.
        if number % 3 != 1 { _ = store.log.writeStep() }
        if number % 8 == 0 { _ = store.log.sealStep() }
        switch kind {
        case .lowSpace: checkpointWithoutRoom(number, store)
        case .recycling where number % 4 == 3: store.checkpoint()
        case .idle where number % 6 == 5: checkpointAfterSeal(store)
        case .checkpointInFlight where number == CrashTests.transactions: store.log.beginCheckpoint()
        default: checkpointInPieces(number, store)
        }
        // Not in the plain one, whose bytes are the golden files.
        if kind != .plain, number % 7 == 5, let bytes = store.log.spareBytesWanted() {
            _ = store.log.prepareSpare(bytes: bytes)
        }
    }

    /// Some changes arrive while one is in progress.
    private func checkpointInPieces(_ number: Int, _ store: SimulatedStore) {
        if number % 9 == 4 { store.log.beginCheckpoint() }
        if number % 9 == 6, store.isCheckpointDurable { _ = store.log.writeCheckpoint() }
    }

    private func checkpointAfterSeal(_ store: SimulatedStore) {
        _ = store.log.writeStep()
        _ = store.log.sealStep()
        store.log.beginCheckpoint()
        if store.isCheckpointDurable { _ = store.log.writeCheckpoint() }
    }

    /// Two attempts fail before one succeeds.
    private func checkpointWithoutRoom(_ number: Int, _ store: SimulatedStore) {
        if number % 9 == 4 { store.log.beginCheckpoint() }
        guard number % 9 == 6, store.log.core.withLock({ $0.frozen != nil }), !store.disk.isDead else { return }
        (store.log.snapshot as? SimulatedSnapshot)?.failures =
            [.lowSpace(StorageError(.lowSpace, "no room")), .mapFull, .mapFull, .mapFull]
        // After each failure the changes go back, and the next attempt begins with what came meanwhile.
        for _ in 0..<3 {
            if store.isCheckpointDurable { _ = store.log.writeCheckpoint() }
            store.log.judgeSpace()
            store.log.beginCheckpoint()
            while case .wrote = store.log.writeStep() {}
        }
        if store.isCheckpointDurable { _ = store.log.writeCheckpoint() }
    }
}
