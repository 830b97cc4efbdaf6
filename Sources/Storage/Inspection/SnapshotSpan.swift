import CLMDB
import Glibc

/// The moments that the pages of one pass over a snapshot are of: beside a running engine there may be several, because
/// no read of LMDB outlives a page (`SnapshotPaging`).
public struct SnapshotSpan: Sendable, Equatable {
    /// LSNs of the first and of the last page's checkpoint; nil: there was none.
    public private(set) var first: LSN?
    public private(set) var last: LSN?
    /// Other checkpoints that were met behind the first one.
    public private(set) var changes = 0
    private var generation: UInt64?
    private var hasBegun = false

    /// All pages were of one checkpoint.
    public var isOneMoment: Bool { changes == 0 }

    public init() {}

    mutating func add(_ row: CheckpointRow?) {
        if !hasBegun { first = row?.position.lsn } else if generation != row?.generation { changes += 1 }
        hasBegun = true
        generation = row?.generation
        last = row?.position.lsn
    }
}

/// How much of a snapshot a tool reads at once.
///
/// A read of LMDB keeps every page that it may see. A tool whose output nobody takes (`export | less`) would hold them
/// until the disk is full, so what is handed out is read before, and no read is open meanwhile.
enum SnapshotPaging {
    static let rows = 1000
    static let bytes = 1 << 20
}

extension LMDBSnapshot {
    /// The checkpoint row as the read that is open sees it, or the one that this begins.
    func currentRow() throws(StorageError) -> CheckpointRow? {
        let key = SnapshotKey.make(SnapshotKey.checkpointTable, SnapshotKey.checkpointRow)
        let cursor = try LMDBCursor(self, try beginRead(), from: key, upTo: key + [0], reversed: false)
        guard cursor.rowKey != nil else { return nil }
        switch CheckpointRow.read(cursor.rawValue) {
        case .valid(let row): return row
        case .invalid(let reason): throw .snapshotDamaged(path, "checkpoint row: \(reason)")
        case .needsVersion(let what):
            throw .newerWriter(at: StorageError.Spot(path: path, segment: .none, offset: 0), what)
        }
    }

    /// Before a page is read: the engine beside may have made the file longer than what is mapped here.
    func coverGrowth() throws(StorageError) {
        var facts = stat()
        guard options.isReadOnly, stat(path + "/data.mdb", &facts) == 0 else { return }
        while map.withLock({ $0.bytes }) < Int(facts.st_size) {
            do {
                try growMap()
            } catch {
                if case .busy(let error) = error { throw error }
                throw .snapshotDamaged(path, "the file can't be mapped")
            }
        }
    }
}
