/// Digest and counts of the snapshot's rows before a place in key order, as they are in the current image.
///
/// A pass takes days under load while checkpoints change rows before and behind its place. So the writer of a checkpoint
/// changes the sums with each row before the place, and a pass adds the rows behind it piece by piece, each piece from one
/// image. At the end the sums must be those of the checkpoint row: a page that the device never wrote, or gave back stale,
/// changed one of them alone.
struct ScrubSums: Equatable, Sendable {
    /// Row keys below it are in the sums.
    var upTo: Bytes = []
    var digest = SnapshotDigest()
    /// By table; they may pass zero on the way, so they wrap.
    var counts: [UInt16: UInt64] = [:]

    mutating func add(_ key: Bytes, checksum: UInt32, lsn: UInt64) {
        digest.add(checksum: checksum, lsn: lsn)
        count(key, 1)
    }

    mutating func remove(_ key: Bytes, checksum: UInt32, lsn: UInt64) {
        digest.remove(checksum: checksum, lsn: lsn)
        count(key, .max)
    }

    func includes(_ key: Bytes) -> Bool { compareKeys(key, upTo) < 0 }

    private mutating func count(_ key: Bytes, _ step: UInt64) {
        guard let table = key.withUnsafeBytes({ SnapshotKey.table(of: $0) }) else { return }
        counts[table.rawValue] = (counts[table.rawValue] ?? 0) &+ step
    }

    /// All rows are in: they must be what the checkpoint row says.
    func agrees(with row: CheckpointRow) -> Bool {
        digest == row.digest && counts.filter { $0.value != 0 } == row.counts.filter { $0.value != 0 }
    }
}
