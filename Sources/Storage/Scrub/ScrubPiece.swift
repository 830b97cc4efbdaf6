/// Reads one piece of the newest image, by `pread`.
struct ScrubPiece {
    /// Pages of one piece, beyond the last value.
    static let pieceBytes: UInt64 = 256 * 1024
    private static let valueBytes = 1 << 20

    private let file: LMDBFile
    private let meta: LMDBMeta
    private var walk: LMDBTreeWalk
    private(set) var sums: ScrubSums
    /// nil: a checkpoint came since the pass began.
    private(set) var pages: ScrubPages?
    private(set) var isAtEnd = false

    init(_ path: String, _ sums: ScrubSums, _ pages: ScrubPages?) throws(StorageError) {
        guard let file = try LMDBFile(path) else { throw .snapshotDamaged(path, "the file is missing") }
        file.readsDevice = true
        self.file = file
        meta = try file.meta()
        walk = LMDBTreeWalk(file, meta.rows, lastPage: meta.lastPage, order: .bytes)
        self.sums = sums
        self.pages = try sums.upTo.isEmpty ? ScrubPages(file, meta) : pages
    }

    /// What it took to read.
    var bytes: UInt64 { (walk.counts.branch + walk.counts.leaf + walk.counts.overflow) * UInt64(file.pageBytes) }

    mutating func read() throws(StorageError) {
        var leaf = try walk.first(from: sums.upTo.isEmpty ? nil : sums.upTo)
        while let page = leaf {
            try take(page)
            if bytes >= Self.pieceBytes { return }
            leaf = try walk.next()
        }
        isAtEnd = true
        try pages?.requireCounts(of: meta.rows)
    }

    private mutating func take(_ page: LMDBPage) throws(StorageError) {
        // A piece begins with the leaf that the one before ended with.
        if !sums.includes(page.key(0)) { try pages?.take(leaf: page) }
        for index in 0..<page.count {
            let node = page.node(index)
            let key = Bytes(page.bytes[node.key])
            guard !sums.includes(key) else { continue }
            let run = try walk.overflow(node, of: page)
            if let run { try pages?.take(overflow: run) }
            try add(key, node, page, run)
            sums.upTo = key + [0]
        }
    }

    private mutating func add(_ key: Bytes, _ node: LMDBPage.Node, _ page: LMDBPage, _ run: (first: UInt64, pages: UInt64)?)
        throws(StorageError)
    {
        guard let table = key.withUnsafeBytes({ SnapshotKey.table(of: $0) }) else {
            throw LMDBFlaw(page: page.number, "a key of \(key.count) bytes").refusal(file.path)
        }
        guard table != SnapshotKey.checkpointTable else { return }
        var check = EnvelopeCheck(key: key, bytes: node.dataBytes)
        if let run {
            file.forget(run.first, pages: run.pages)
            for offset in stride(from: 0, to: node.dataBytes, by: Self.valueBytes) {
                let part = min(Self.valueBytes, node.dataBytes - offset)
                try file.overflow(run.first, at: offset, count: part).withUnsafeBytes { check.take($0) }
            }
            file.forget(run.first, pages: run.pages)
        } else {
            page.bytes.withUnsafeBytes { check.take($0.part(node.data.lowerBound, node.data.count)) }
        }
        guard let envelope = check.envelope else {
            throw LMDBFlaw(page: page.number, "the checksum of a row does not match").refusal(file.path)
        }
        sums.add(key, checksum: envelope.checksum, lsn: envelope.lsn)
    }
}

/// Checks a stored row's envelope from its bytes, in one or several parts; the first one holds the envelope.
private struct EnvelopeCheck {
    private let key: Bytes
    private let bytes: Int
    private var head: (checksum: UInt32, lsn: UInt64)?
    private var crc: UInt32 = 0

    init(key: Bytes, bytes: Int) {
        self.key = key
        self.bytes = bytes
    }

    mutating func take(_ part: UnsafeRawBufferPointer) {
        guard bytes >= SnapshotEnvelope.encodedBytes else { return }
        guard head == nil else {
            crc = crc32c(part, continuing: crc)
            return
        }
        let lsn = part.loadLittle(UInt64.self, at: 8)
        head = (part.loadLittle(UInt32.self, at: 4), lsn)
        crc = key.withUnsafeBytes {
            SnapshotEnvelope.checksum(
                kinds: part.loadLittle(UInt32.self, at: 0),
                key: $0,
                lsn: lsn,
                payload: part.part(SnapshotEnvelope.encodedBytes, part.count - SnapshotEnvelope.encodedBytes)
            )
        }
    }

    /// nil: the checksum doesn't match.
    var envelope: (checksum: UInt32, lsn: UInt64)? {
        head.flatMap { $0.checksum == crc ? $0 : nil }
    }
}
