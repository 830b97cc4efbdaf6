import Synchronization

@testable import Storage

/// A snapshot on the simulated disk with LMDB's commit semantics: one file, replaced as a whole by one call. A crash
/// during that call leaves the old image or the new one; after it the new one is durable. The file's name needs a sync of
/// its directory, as LMDB's does. Rows are what LMDB's are: envelope and payload, packed, sealed with the current key.
///
/// `@unchecked Sendable`: stepped by one test at a time.
final class SimulatedSnapshot: SnapshotStore, @unchecked Sendable {
    private let disk: SimulatedDisk
    private let path: String
    private let store: StoreID
    private let keys: EncryptionKeys
    private let codec: SnapshotCodec
    private let readCodec: SnapshotCodec
    private let scratch = SnapshotScratch()
    private var authenticatedFrom = SegmentNumber.none
    private(set) var rows: SimulatedImage.Rows = [:]
    private(set) var row: CheckpointRow?
    /// Fails the next uses of `apply`.
    var failures: [SnapshotFailure] = []
    /// Commits that would have run ahead of the durable log (I5), and uses that LMDB would not survive.
    private(set) var violations: [String] = []
    private var isClosed = false
    /// Rows that a transaction of a rotation seals anew: few, so that most rotations take several.
    static let resealRows = 5

    init(
        _ disk: SimulatedDisk,
        _ directory: LogDirectory,
        store: StoreID,
        create: Bool,
        keys: EncryptionKeys = EncryptionKeys()
    ) throws(StorageError) {
        self.disk = disk
        self.store = store
        self.keys = keys
        var options = StorageOptions()
        options.encryption = keys
        codec = SnapshotCodec(SnapshotOptions(options, store: store))
        readCodec = SnapshotCodec(SnapshotOptions(options, store: store))
        if create { authenticatedFrom = .first }
        path = directory.snapshotData
        if create {
            do throws(SystemCallError) {
                try disk.replace(path, with: [])
            } catch {
                throw .openFailed(error)
            }
        } else {
            guard let content = disk.contents(path) else { throw .snapshotDamaged(path, "the file is missing") }
            try read(content)
        }
    }

    private func read(_ content: [UInt8]) throws(StorageError) {
        let image: SimulatedImage
        switch SimulatedImage.read(content) {
        case .success(let found): image = found
        case .failure(let problem): throw .snapshotDamaged(path, problem.reason)
        }
        guard let row = image.row else { return }
        try keys.requireAll(row.neededKeys, neededFor: path)
        if row.isAuthenticated {
            guard let key = keys.key(KeyID(rawValue: row.keyID)),
                image.rowBytes.withUnsafeBytes({ row.isGenuine($0, key: key) })
            else { throw .forgedSnapshot(path) }
        } else if row.keyID != 0 {
            throw .forgedSnapshot(path)
        }
        self.row = row
        rows = image.rows
        decideOnPlainRows()
    }

    private func decideOnPlainRows() {
        readCodec.allowsPlain = keys.current == nil || row?.mayHoldPlainRows ?? true
    }

    var needsReseal: Bool { row.map { !$0.isSettled(keys) } ?? false }

    func beginsLog(at segment: SegmentNumber) {
        if authenticatedFrom == .none { authenticatedFrom = segment }
    }

    var size: SnapshotSize {
        let pages = rows.values.reduce(0) { $0 + $1.count + 64 } / LogLimits.blockBytes + 1
        return SnapshotSize(usedPages: pages, filePages: pages + 2, leafPages: pages)
    }

    func trimMapped() {}

    func reusableBytes(inRunsOf pages: Int) -> Int { size.freeBytes }

    // MARK: Reading

    func find(_ table: TableID, _ key: UnsafeRawBufferPointer) throws(StorageError) -> SnapshotValue? {
        try value(SnapshotKey.make(table, Bytes(key)))
    }

    fileprivate func value(_ key: Bytes) throws(StorageError) -> SnapshotValue? {
        guard let row = rows[key] else { return nil }
        let result = key.withUnsafeBytes { key in
            row.withUnsafeBytes { row in
                Result { () throws(StorageError) in
                    let value = try readCodec.decode(key: key, value: row, into: scratch, path: path)
                    return SnapshotValue(bytes: keep(Bytes(value.bytes)), lsn: value.lsn)
                }
            }
        }
        return try result.get()
    }

    /// Values that were handed out, until `endRead`.
    private var kept: [UnsafeMutableRawBufferPointer] = []

    fileprivate func keep(_ bytes: Bytes) -> UnsafeRawBufferPointer {
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
        place.copyBytes(from: bytes)
        kept.append(place)
        return UnsafeRawBufferPointer(start: place.baseAddress, count: bytes.count)
    }

    func endRead() {
        for place in kept { place.deallocate() }
        kept = []
    }

    deinit { endRead() }

    func cursor(_ table: TableID, from: Bytes?, upTo: Bytes?, reversed: Bool) throws(StorageError) -> any SnapshotCursor
    {
        let low = SnapshotKey.make(table, from ?? [])
        let high = upTo.map { SnapshotKey.make(table, $0) } ?? SnapshotKey.end(of: table)
        let keys = rows.keys.filter { compareKeys($0, low) >= 0 && compareKeys($0, high) < 0 }
            .sorted { compareKeys($0, $1) * (reversed ? -1 : 1) < 0 }
        return Cursor(self, keys)
    }

    private final class Cursor: SnapshotCursor {
        private let snapshot: SimulatedSnapshot
        private let keys: [Bytes]
        private var index = 0

        init(_ snapshot: SimulatedSnapshot, _ keys: [Bytes]) {
            self.snapshot = snapshot
            self.keys = keys
        }

        var key: UnsafeRawBufferPointer? {
            index < keys.count ? snapshot.keep(Bytes(keys[index].dropFirst(2))) : nil
        }

        func value() throws(StorageError) -> SnapshotValue {
            try snapshot.value(keys[index]) ?? SnapshotValue(bytes: snapshot.keep([]), lsn: 0)
        }

        func advance() throws(StorageError) { index += 1 }
    }

    // MARK: Writing

    func apply(_ changes: Overlay, _ position: CheckpointPosition) throws(SnapshotFailure) -> CheckpointRow {
        if !failures.isEmpty { throw failures.removeFirst() }
        if isClosed { violations.append("written after the end") }
        TurnSite.apply.pause()
        checkWriteAhead(position.end)
        try reseal()
        var next = SimulatedImage(row: row ?? firstRow, rows: rows)
        for (number, table) in changes.tables {
            let id = TableID(rawValue: number)
            for range in table.trims.ranges {
                let low = SnapshotKey.make(id, range.from)
                let high = SnapshotKey.make(id, range.upTo)
                for key in next.rows.keys where compareKeys(key, low) >= 0 && compareKeys(key, high) < 0 {
                    next.set(key, nil)
                }
            }
            table.entries.forEach { entry in
                let key = SnapshotKey.make(id, entry.key)
                next.set(key, entry.value.map { sealed($0, lsn: entry.lsn, key) })
            }
        }
        next.row?.position = position
        next.row?.generation += 1
        next.row?.keyID = keys.current?.id.rawValue ?? 0
        next.row?.furtherKeys = []
        next.row?.isAuthenticated = keys.current != nil
        next.row?.isOlder = false
        if next.row?.authenticatedFrom == SegmentNumber.none { next.row?.authenticatedFrom = authenticatedFrom }
        try commit(next)
        return next.row ?? firstRow
    }

    private var firstRow: CheckpointRow {
        CheckpointRow(
            store: store,
            position: CheckpointPosition(end: .empty, createdAt: 0),
            generation: 0,
            digest: SnapshotDigest(),
            keyID: 0,
            counts: [:]
        )
    }

    /// Moves all rows to the current key, as `LMDBSnapshot.reseal` does: several commits, each of which names all keys.
    private func reseal() throws(SnapshotFailure) {
        guard let last = row, needsReseal else { return }
        var next = SimulatedImage(row: last.moving(to: keys), rows: rows)
        if next.row?.authenticatedFrom == SegmentNumber.none { next.row?.authenticatedFrom = authenticatedFrom }
        if isMutant(.rotationNamesOneKey) { next.row?.furtherKeys = [] }
        codec.allowsPlain = keys.current == nil || next.row?.mayHoldPlainRows ?? true
        var rest = rows.keys.sorted { compareKeys($0, $1) < 0 }[...]
        repeat {
            for key in rest.prefix(Self.resealRows) {
                do throws(StorageError) {
                    let plain = try codec.plain(key, rows[key] ?? [], path: path)
                    next.set(key, sealed(plain.value, lsn: plain.lsn, key))
                } catch {
                    throw .final(error)
                }
            }
            rest = rest.dropFirst(Self.resealRows)
            try commit(next)
        } while !rest.isEmpty
    }

    private func sealed(_ value: Bytes, lsn: UInt64, _ key: Bytes) -> Bytes {
        let payload = codec.encode(value, key: key, lsn: lsn)
        let count = SnapshotEnvelope.encodedBytes + payload.bytes.count
        return Bytes(unsafeUninitializedCapacity: count) { place, filled in
            _ = payload.fill(UnsafeMutableRawPointer(place.baseAddress!), key: key, lsn: lsn)
            filled = count
        }
    }

    private func commit(_ image: SimulatedImage) throws(SnapshotFailure) {
        let key = image.row?.isAuthenticated == true ? keys.current : nil
        do throws(SystemCallError) {
            try disk.replace(path, with: image.encoded(key: key))
        } catch {
            guard !error.isLackOfSpace else {
                throw .lowSpace(StorageError(.lowSpace, "no room for a checkpoint", path: path, systemCall: error))
            }
            throw .final(StorageError(.durabilityLost, "the commit failed", path: path, systemCall: error))
        }
        rows = image.rows
        row = image.row
        decideOnPlainRows()
        TurnSite.applied.pause()
    }

    /// I5: the batch that the image ends with could not be lost any more when the image was committed.
    private func checkWriteAhead(_ end: LogEnd) {
        // Without a batch in the segment its header speaks, and that was durable before the segment had a name.
        guard end.offset > LogLimits.firstBatchOffset else { return }
        let log = disk.durableContents(SimulatedStore.path(end.segment.rawValue)) ?? []
        let reading: BatchHeaderReading = log.withUnsafeBytes { bytes in
            guard bytes.count >= Int(end.offset) else { return .invalid("the file is too short") }
            let header = bytes.part(Int(end.batchOffset), BatchHeader.encodedBytes)
            return BatchHeader.read(header, at: .init(segment: end.segment, offset: end.batchOffset))
        }
        if case .valid(let header, let crc) = reading, header.number == end.lastBatch, crc == end.chain { return }
        violations.append("batch \(end.lastBatch) is not durable (I5): \(reading)")
    }

    /// What a scrub of all rows says; nil: sound.
    var auditProblem: String? { SimulatedImage(row: row, rows: rows).auditProblem }

    func growMap() throws(SnapshotFailure) {}
    var waitsForGrowth: Bool { false }

    func copy(to directory: String, isCancelled: () -> Bool) throws(StorageError) -> LSN {
        if isClosed { violations.append("copied after the end") }
        let key = row?.isAuthenticated == true ? keys.current : nil
        let image = row == nil ? [] : SimulatedImage(row: row, rows: rows).encoded(key: key)
        let copied = row?.position.lsn ?? .zero
        for _ in 0..<8 {
            TurnSite.copy.pause()
            guard !isCancelled() else { throw StorageError(.closed, "cancelled") }
            if isClosed { violations.append("the end came under a copy that nobody cancelled") }
        }
        do throws(SystemCallError) {
            try disk.replace(directory + "/data.mdb", with: image)
            return copied
        } catch {
            throw .deviceFailed(error)
        }
    }

    func close() { isClosed = true }
}
