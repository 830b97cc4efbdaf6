@testable import Storage

/// The content of a simulated snapshot's file: the checkpoint row, then keys and rows in order, each behind its length.
struct SimulatedImage {
    /// By row key; envelope and payload.
    typealias Rows = [Bytes: Bytes]

    struct Problem: Error {
        var reason: String
    }

    var row: CheckpointRow?
    /// As they stand in the file.
    private(set) var rowBytes = Bytes()
    private(set) var rows: Rows = [:]

    init(row: CheckpointRow?, rows: Rows) {
        self.row = row
        self.rows = rows
    }

    /// A row comes, changes or goes (nil); digest and counts follow.
    mutating func set(_ key: Bytes, _ value: Bytes?) {
        let old = rows[key]
        if let old, let envelope = Self.envelope(key, old) {
            if !isMutant(.digestKeepsOldRows) { row?.digest.remove(checksum: envelope.checksum, lsn: envelope.lsn) }
        }
        if let value, let envelope = Self.envelope(key, value) {
            row?.digest.add(checksum: envelope.checksum, lsn: envelope.lsn)
        }
        rows[key] = value
        let table = UInt16(key[0]) << 8 | UInt16(key[1])
        let count = Int(row?.counts[table] ?? 0) + (value == nil ? 0 : 1) - (old == nil ? 0 : 1)
        row?.counts[table] = count == 0 ? nil : UInt64(count)
    }

    /// Puts another row in place behind the checkpoint row's back.
    mutating func tamper(_ key: Bytes, _ value: Bytes?) { rows[key] = value }

    private static func envelope(_ key: Bytes, _ value: Bytes) -> SnapshotEnvelope? {
        let reading = key.withUnsafeBytes { key in value.withUnsafeBytes { SnapshotEnvelope.read($0, key: key) } }
        guard case .valid(let envelope) = reading else { return nil }
        return envelope
    }

    /// What a scrub of all rows says, as `LMDBSnapshot.audit` does: nil if they are what the checkpoint row says.
    var auditProblem: String? {
        guard let row else { return rows.isEmpty ? nil : "rows without a checkpoint row" }
        var derived = SimulatedImage(row: row, rows: [:])
        derived.row?.digest = SnapshotDigest()
        derived.row?.counts = [:]
        for (key, value) in rows { derived.set(key, value) }
        if derived.row?.counts != row.counts { return "other counts" }
        return derived.row?.digest == row.digest ? nil : "another digest"
    }

    func encoded(key: EncryptionKey?) -> Bytes {
        var bytes = Bytes()
        Self.append(row?.encoded(key: key) ?? rowBytes, to: &bytes)
        appendRows(to: &bytes)
        return bytes
    }

    /// With the checkpoint row as it stood in the file.
    var encodedAsRead: Bytes {
        var bytes = Bytes()
        Self.append(rowBytes, to: &bytes)
        appendRows(to: &bytes)
        return bytes
    }

    private func appendRows(to bytes: inout Bytes) {
        for key in rows.keys.sorted(by: { compareKeys($0, $1) < 0 }) {
            Self.append(key, to: &bytes)
            Self.append(rows[key] ?? [], to: &bytes)
        }
    }

    private static func append(_ part: Bytes, to bytes: inout Bytes) {
        withUnsafeBytes(of: UInt32(part.count).littleEndian) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: part)
    }

    static func read(_ bytes: [UInt8]) -> Result<SimulatedImage, Problem> {
        var offset = 0
        func part() -> Bytes? {
            guard offset + 4 <= bytes.count else { return nil }
            let count = Int(bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
            guard offset + 4 + count <= bytes.count else { return nil }
            defer { offset += 4 + count }
            return Bytes(bytes[offset + 4..<offset + 4 + count])
        }
        var image = SimulatedImage(row: nil, rows: [:])
        guard !bytes.isEmpty else { return .success(image) }
        guard let first = part(), case .valid(let found) = first.withUnsafeBytes({ CheckpointRow.read($0) }) else {
            return .failure(Problem(reason: "the checkpoint row is damaged"))
        }
        image.row = found
        image.rowBytes = first
        while let key = part(), let value = part() { image.rows[key] = value }
        guard offset == bytes.count else { return .failure(Problem(reason: "the file is cut short")) }
        // An image of today without rows has no counts either.
        if found.digest == SnapshotDigest(), !found.counts.isEmpty { image.takeInEnvelopes() }
        return .success(image)
    }

    /// The golden files of an earlier simulation: LSN and value, without envelopes and digest.
    private mutating func takeInEnvelopes() {
        row?.counts = [:]
        for (key, value) in rows {
            let lsn = value.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
            rows[key] = nil
            set(key, Self.plain(Bytes(value.dropFirst(8)), lsn: lsn, key))
        }
    }

    private static func plain(_ value: Bytes, lsn: UInt64, _ key: Bytes) -> Bytes {
        let count = SnapshotEnvelope.encodedBytes + value.count
        return Bytes(unsafeUninitializedCapacity: count) { place, filled in
            _ = SnapshotCodec.Payload(bytes: value).fill(
                UnsafeMutableRawPointer(place.baseAddress!),
                key: key,
                lsn: lsn
            )
            filled = count
        }
    }
}
