/// What came out of deriving a snapshot's content anew from the log alone (storage.md §5.12, `verify --deep`).
public enum SnapshotReplay: Sendable {
    /// The log no longer reaches back to LSN 1, or lacks something.
    case impossible(String)
    case compared(rows: UInt64, differences: [Difference], omitted: UInt64)

    /// Why it is impossible without a key.
    public static let sealed = "rows or records are encrypted, and no key was given"
    /// Why it is impossible where trying again may help.
    public static let overtaken = "a running engine took a checkpoint meanwhile"

    public struct Difference: Sendable, Equatable {
        public enum Kind: String, Sendable {
            case onlyInLog
            case onlyInSnapshot
            case different
        }

        public var kind: Kind
        public var table: TableID
        public var key: Bytes

        public init(kind: Kind, table: TableID, key: Bytes) {
            self.kind = kind
            self.table = table
            self.key = key
        }
    }
}

extension SnapshotInspector {
    /// Replays the log up to the snapshot's position and compares row by row. Damaged rows count as different.
    ///
    /// Memory: key, checksum and length of every row; not the values.
    public func compareWithReplay(keys: EncryptionKeys = EncryptionKeys()) throws -> SnapshotReplay {
        guard let checkpoint = facts.checkpoint else { return .impossible("there is no checkpoint yet") }
        var log = try LogInspector(path: directory.root, keys: keys)
        log.coveredBefore = checkpoint.segment
        if keys.isEmpty, try !facts.keyIDs.isEmpty || log.isEncrypted() { return .impossible(SnapshotReplay.sealed) }
        var filter = RecordFilter()
        filter.to = checkpoint.lsn
        let derived = Overlay()
        let report = try log.records(filter) { event in
            guard case .record(let record) = event else { return }
            derived.apply(record.withFingerprint)
        }
        if let reason = Self.obstacle(report, through: checkpoint.lsn) { return .impossible(reason) }
        var comparison = Comparison(derived)
        let pass = try walk { item in
            comparison.meet(item)
            return true
        }
        guard pass.span.isOneMoment, pass.span.last == checkpoint.lsn else {
            return .impossible(SnapshotReplay.overtaken)
        }
        return comparison.finish()
    }

    private static func obstacle(_ log: LogReport, through last: LSN) -> String? {
        guard log.passedOver.isEmpty else { return "the log holds segments of an earlier key, which was not given" }
        guard log.retainedFrom == LSN(rawValue: 1) else {
            return "the log is retained only from LSN \(log.retainedFrom) on"
        }
        guard log.content.lastLSN ?? .zero >= last else { return "the log ends before LSN \(last)" }
        let gap = log.gaps.first { !$0.losesNothing && $0.firstLSN ?? .zero <= last }
        return gap.map { "the log lacks records from LSN \($0.firstLSN ?? .zero) on" }
    }
}

/// Takes the snapshot's rows out of what was derived: what is left is only in the log.
private struct Comparison {
    private let derived: Overlay
    private var rows: UInt64 = 0
    private var found: [SnapshotReplay.Difference] = []
    private var omitted: UInt64 = 0

    init(_ derived: Overlay) {
        self.derived = derived
    }

    mutating func meet(_ item: SnapshotItem) {
        rows += 1
        switch item {
        case .damaged(let row):
            add(.different, row.table, row.key)
            derived.forget(row.key, in: derived.table(row.table))
        // A snapshot with sealed rows that can't be opened is not compared.
        case .sealed: break
        case .row(let row):
            let table = derived.table(row.table)
            let entry = table.entries.entry(row.key)
            if entry?.value == nil {
                add(.onlyInSnapshot, row.table, row.key)
            } else if entry?.value != row.value.fingerprint || entry?.lsn != row.lsn.rawValue {
                add(.different, row.table, row.key)
            }
            derived.forget(row.key, in: table)
        }
    }

    private mutating func add(_ kind: SnapshotReplay.Difference.Kind, _ table: TableID, _ key: Bytes) {
        if found.count < InspectionLimits.listedDifferences {
            found.append(.init(kind: kind, table: table, key: key))
        } else {
            omitted += 1
        }
    }

    mutating func finish() -> SnapshotReplay {
        for (number, table) in derived.tables.sorted(by: { $0.key < $1.key }) {
            var left: [Bytes] = []
            table.entries.forEach { if $0.value != nil { left.append($0.key) } }
            for key in left { add(.onlyInLog, TableID(rawValue: number), key) }
        }
        return .compared(rows: rows, differences: found, omitted: omitted)
    }
}

extension Bytes {
    /// Checksum and length: stands for a value where only equality matters.
    fileprivate var fingerprint: Bytes {
        var bytes = Bytes()
        let checksum = withUnsafeBytes { crc32c($0) }
        Swift.withUnsafeBytes(of: checksum.littleEndian) { bytes.append(contentsOf: $0) }
        Swift.withUnsafeBytes(of: UInt64(count).littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }
}

extension RecordFacts {
    fileprivate var withFingerprint: RecordFacts {
        guard case .put(let table, let key, let value) = change else { return self }
        var copy = self
        copy.change = .put(table, key: key, value: .init(value.bytes.fingerprint))
        return copy
    }
}
