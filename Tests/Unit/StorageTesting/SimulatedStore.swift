import Synchronization

@testable import Storage

/// A store on a simulated disk, stepped by the test: single-threaded and deterministic.
struct SimulatedStore {
    static let root = "/store"
    static let rows = TableID(rawValue: 1)
    static let other = TableID(rawValue: 2)

    let disk: SimulatedDisk
    let log: LogStore<SimulatedDisk>

    static func options(direct: Bool, clock: SimulatedClock = SimulatedClock()) -> StorageOptions {
        var options = StorageOptions()
        options.useDirectIO = direct ? .auto : .off
        options.initialSegmentBytes = 4 * LogLimits.blockBytes
        options.maximumSegmentBytes = 8 * LogLimits.blockBytes
        // Checkpoints only where the test says so.
        options.checkpointIntervalNanoseconds = 0
        // One batch per transaction: then several batches share a sync, which only buffered writing does.
        if !direct { options.softBatchBytes = 1 }
        options.clock = clock.storageClock
        let generator = Mutex(SeededGenerator(seed: 42))
        options.random = { generator.withLock { $0.next() } }
        return options
    }

    init(_ disk: SimulatedDisk, direct: Bool = true, options: StorageOptions? = nil) throws(StorageError) {
        let options = options ?? Self.options(direct: direct)
        disk.prepareRoot()
        var opening = LogOpening(io: disk, root: Self.root, options: options) { store, create throws(StorageError) in
            try SimulatedSnapshot(
                disk,
                LogDirectory(root: Self.root),
                store: store,
                create: create,
                keys: options.encryption
            )
        }
        self.disk = disk
        log = LogStore(options: options, io: disk, opened: try opening.run())
    }

    init(_ disk: SimulatedDisk, _ log: LogStore<SimulatedDisk>) {
        self.disk = disk
        self.log = log
    }

    /// The checkpoint in progress may be written: its changes are durable in the log (I5).
    var isCheckpointDurable: Bool { log.nextCheckpointAction() == .write }

    static func path(_ segment: UInt64) -> String {
        LogDirectory(root: root).segment(SegmentNumber(rawValue: segment))
    }

    /// Every row of every table, as text.
    var content: [String] {
        log.core.withLock { core in
            var rows: [String] = []
            for table in [Self.rows, Self.other] {
                core.scan(table, from: nil, upTo: nil, reversed: false) { key, value in
                    let words = [key, value].map { String(decoding: $0, as: UTF8.self) }
                    rows.append("\(table.rawValue) \(words[0]) \(words[1])")
                    return true
                }
            }
            core.snapshot.endRead()
            return rows
        }
    }

    /// Writes what waits and takes it into the snapshot; false: it failed.
    @discardableResult
    func checkpoint() -> Bool {
        guard log.beginCheckpoint() else { return false }
        while case .wrote = log.writeStep() {}
        guard isCheckpointDurable, case .written = log.writeCheckpoint() else { return false }
        return true
    }

    @discardableResult
    func put(_ key: String, _ value: String, table: TableID = rows) throws -> Pending<Void> {
        try log.commit { transaction in
            transaction.put(table, key: Bytes(key.utf8), value: Bytes(value.utf8))
        }.pending
    }

    /// Puts and makes durable.
    func putDurably(_ key: String, _ value: String) throws {
        try put(key, value)
        guard case .wrote = log.writeStep() else { throw StorageError(.durabilityLost, "the step failed") }
    }

    func get(_ key: String, table: TableID = rows) -> Bytes? {
        log.core.withLock { core in
            defer { core.snapshot.endRead() }
            return core.find(table, Bytes(key.utf8))
        }
    }

    /// As if the disk had no room for the last checkpoint: the log keeps everything.
    func closeWithoutCheckpoint() throws {
        log.refuseCommits()
        while case .wrote = log.writeStep() {}
        (log.snapshot as? SimulatedSnapshot)?.failures = [.mapFull, .mapFull]
        try log.closeLog()
    }

    func close() throws {
        log.refuseCommits()
        while case .wrote = log.writeStep() {}
        try log.closeLog()
    }
}
