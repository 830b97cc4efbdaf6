/// Reads what is sound of one image of a snapshot, whatever is wrong with the rest.
final class SnapshotRescue {
    let image: SnapshotImage
    private let file: LMDBFile
    private let path: String
    private let codec: SnapshotCodec

    /// What a walk came to.
    struct Findings {
        var holes: [TreeRescue.Hole] = []
        /// Some page stands where it doesn't belong.
        var isDisordered = false
        /// Of the sound rows.
        var digest = SnapshotDigest()
        /// By table, damaged ones included.
        var counts: [UInt16: UInt64] = [:]
        /// The latest record that wrote a row.
        var lastLSN = LSN.zero
    }

    /// - Parameters:
    ///   - store: whose rows these are.
    ///   - allowsPlain: rows that no key sealed are believed.
    init(_ file: LMDBFile, _ image: SnapshotImage, store: StoreID, keys: EncryptionKeys, allowsPlain: Bool) {
        self.file = file
        self.image = image
        path = file.path
        var options = StorageOptions()
        options.encryption = keys
        codec = SnapshotCodec(SnapshotOptions(options, store: store))
        codec.allowsPlain = allowsPlain
    }

    /// Every sound row, and every damaged one whose key can be told, as they stand in the tree.
    func walk(_ visit: (SnapshotItem) throws -> Void) throws -> Findings {
        file.assume(pageBytes: image.meta.pageBytes)
        var tree = TreeRescue(file, image.meta, readsFreeList: true)
        var findings = Findings()
        guard !image.meta.rows.isEmpty else { return findings }
        try tree.run(image.meta.rows.root) { rowKey, value, isPageWhole in
            let id = rowKey.withUnsafeBytes { SnapshotKey.table(of: $0) }
            guard let id, id != SnapshotKey.checkpointTable else { return .sound }
            let (item, checksum) = try read(id, rowKey, value)
            switch item {
            case .row(let row):
                findings.add(row, checksum)
                try visit(item)
                return .sound
            case .damaged, .sealed:
                // On a page with wrong places the key may be anything too.
                guard isPageWhole else { return .unsound }
                findings.counts[id.rawValue, default: 0] += 1
                try visit(item)
                return .unsound
            }
        }
        findings.holes = tree.holes
        findings.isDisordered = tree.isDisordered
        return findings
    }

    /// Also the checksum that the digest is made of.
    private func read(_ table: TableID, _ rowKey: Bytes, _ value: Result<Bytes, LMDBFlaw>) throws(StorageError)
        -> (SnapshotItem, UInt32)
    {
        let key = Bytes(rowKey.dropFirst(SnapshotKey.tableBytes))
        let stored: Bytes
        switch value {
        case .success(let bytes): stored = bytes
        case .failure(let flaw):
            return (.damaged(.init(table: table, key: key, reason: "page \(flaw.page): \(flaw.reason)")), 0)
        }
        let checksum = soundChecksum(rowKey, stored)
        do throws(StorageError) {
            let plain = try codec.plain(rowKey, stored, path: path)
            let row = SnapshotRow(table: table, key: key, value: plain.value, lsn: LSN(rawValue: plain.lsn))
            return (.row(row), checksum ?? 0)
        } catch {
            // A missing key, or a newer version, is no damage.
            guard error.row == .r17 else { throw error }
            let reason = error.message
            return (.damaged(.init(table: table, key: key, reason: reason, isUnproven: checksum != nil)), 0)
        }
    }

    /// nil: the checksum is wrong.
    private func soundChecksum(_ rowKey: Bytes, _ stored: Bytes) -> UInt32? {
        rowKey.withUnsafeBytes { key in
            stored.withUnsafeBytes { value in
                guard case .valid(let envelope) = SnapshotEnvelope.read(value, key: key) else { return nil }
                let start = SnapshotEnvelope.encodedBytes
                let payload = value.part(start, value.count - start)
                return envelope.isSound(key: key, payload: payload) ? envelope.checksum : nil
            }
        }
    }
}

extension SnapshotRescue.Findings {
    fileprivate mutating func add(_ row: SnapshotRow, _ checksum: UInt32) {
        digest.add(checksum: checksum, lsn: row.lsn.rawValue)
        counts[row.table.rawValue, default: 0] += 1
        lastLSN = max(lastLSN, row.lsn)
    }

    /// What isn't as the checkpoint row says; nil: these are its rows, whatever else is wrong in the file.
    ///
    /// - Parameter areAllSound: the digest of rows that can't be read is not known.
    func difference(from row: CheckpointRow, areAllSound: Bool) -> String? {
        let expected = row.counts.filter { $0.value > 0 }
        if expected != counts {
            let numbers = (counts.values.reduce(0, &+), expected.values.reduce(0, &+))
            return "\(numbers.0) rows were found instead of \(numbers.1)"
        }
        guard areAllSound, digest != row.digest else { return nil }
        return "the rows are not those of the checkpoint: their digest is another one"
    }
}
