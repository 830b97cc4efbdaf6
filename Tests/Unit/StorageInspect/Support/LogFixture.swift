import Glibc

@testable import Storage

/// Makes logs byte by byte with the storage engine's codecs: the same bytes at every run, whatever the engine would
/// write around them today. Not a model of the writer: tests may build what no sound writer would.
struct LogFixture {
    static let block = LogLimits.blockBytes
    /// 2026-07-04T12:00:00Z.
    static let start: UInt64 = 1_783_166_400_000_000_000

    private var segments: [(number: SegmentNumber, bytes: [UInt8])] = []
    private var predecessor = PredecessorFacts.none
    private var lastBatch = BatchNumber.none
    private var nextLSN = LSN(rawValue: 1)
    private var chain: UInt32 = 0
    private var offset = 0
    private var now = start
    private let store = StoreID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)

    private var epoch: UInt64 { 0xE0 + (segments.last?.number.rawValue ?? 0) }

    /// Begins a segment of so many blocks, its header included.
    mutating func beginSegment(blocks: Int) {
        let number = SegmentNumber(rawValue: UInt64(segments.count) + 1)
        segments.append((number, [UInt8](repeating: 0, count: blocks * Self.block)))
        let header = SegmentHeader(
            store: store,
            number: number,
            epoch: epoch,
            firstBatch: lastBatch.next,
            firstLSN: nextLSN,
            preparedBytes: UInt64(blocks * Self.block),
            predecessor: predecessor,
            createdAt: now
        )
        segments[segments.count - 1].bytes.withUnsafeMutableBytes { bytes in
            header.encode(into: UnsafeMutableRawBufferPointer(rebasing: bytes[0..<Self.block]))
        }
        offset = Self.block
    }

    /// Appends a batch, 1.5 s after the one before. Without `durableThrough`, everything before it counts as durable.
    mutating func batch(
        _ flags: BatchHeader.Flags = [],
        durableThrough: BatchNumber? = nil,
        _ fill: (BatchBuffer) -> Void = { _ in }
    ) {
        let buffer = BatchBuffer()
        buffer.firstLSN = nextLSN
        fill(buffer)
        now += 1_500_000_000
        let header = BatchHeader(
            flags: buffer.isEmpty ? flags.union(.seal) : flags,
            epoch: epoch,
            number: lastBatch.next,
            firstLSN: nextLSN,
            recordCount: UInt32(buffer.recordCount),
            storedBytes: UInt32(buffer.payloadBytes),
            rawBytes: UInt32(buffer.payloadBytes),
            payloadCRC: crc32c(buffer.payload),
            durableThrough: durableThrough ?? lastBatch,
            chain: chain,
            committedAt: now
        )
        let bytes = buffer.padded()
        chain = header.encode(into: buffer.memory, at: position)
        segments[segments.count - 1].bytes.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
        lastBatch = lastBatch.next
        nextLSN.rawValue += UInt64(buffer.recordCount)
        offset += bytes.count
        extendLifetime(buffer)
    }

    /// Ends the segment with its last batch.
    mutating func endSegment(_ flags: BatchHeader.Flags = []) {
        batch(flags.union(.lastInSegment))
        predecessor = PredecessorFacts(
            segment: segments[segments.count - 1].number,
            lastBatch: lastBatch,
            endOffset: UInt64(offset),
            lastBatchCRC: chain
        )
        if flags.contains(.cleanShutdown) { segments[segments.count - 1].bytes.removeSubrange(offset...) }
    }

    private var position: BatchHeader.Position {
        BatchHeader.Position(segment: segments[segments.count - 1].number, offset: UInt64(offset))
    }

    func write(to root: String) throws {
        let directory = LogDirectory(root: root)
        let io = PosixIO()
        try io.createDirectory(directory.wal)
        let format = "iii-storage 1\n\(store.text)\n"
        try io.replaceFile(directory.format, in: root, with: Array(format.utf8))
        // As a new store has it: no checkpoint was written yet.
        try io.createDirectory(directory.snapshot)
        try LMDBSnapshot.open(directory, StorageOptions(), store: store, create: true).close()
        for segment in segments {
            try io.replaceFile(directory.segment(segment.number), in: directory.wal, with: segment.bytes)
        }
    }
}

extension LogFixture {
    private static func bytes(_ text: String) -> Bytes { Bytes(text.utf8) }

    /// LSN 1 to 10 in three segments: every kind of record, transactions with origins, keys and values of all sorts.
    static func sample(isClosed: Bool = true) -> LogFixture {
        let rows = TableID(rawValue: 1)
        let other = TableID(rawValue: 2)
        var log = LogFixture()
        log.beginSegment(blocks: 8)
        log.batch { $0.encodePut(rows, key: bytes("greeting"), value: bytes("\"hello\""), origin: nil) }
        log.batch { batch in
            let start = batch.count
            batch.encodePut(
                rows,
                key: bytes("greeting"),
                value: bytes("{\"a\":1,\n\"b\":2}"),
                origin: bytes("worker/f")
            )
            batch.markSameTransaction(recordAt: start)
            batch.encodePut(other, key: [0, 1, 0xFF], value: [0xFF, 0xAD], origin: nil)
        }
        log.batch { $0.encodeDelete(rows, key: bytes("greeting"), origin: bytes("worker/g")) }
        log.endSegment()
        log.beginSegment(blocks: 8)
        log.batch { $0.encodeNote(bytes("remark"), origin: nil) }
        log.batch { $0.encodePut(rows, key: bytes("long"), value: Bytes(repeating: 0x78, count: 5000), origin: nil) }
        log.batch { $0.encodeTrim(rows, from: bytes("a"), upTo: bytes("m"), origin: nil) }
        log.endSegment()
        log.beginSegment(blocks: 8)
        log.batch { $0.encodePut(rows, key: bytes("grüße"), value: bytes("日本語"), origin: nil) }
        log.batch { batch in
            batch.encodePut(rows, key: bytes("0x41"), value: bytes(""), origin: nil)
            batch.encodePut(rows, key: bytes("greeting"), value: bytes("\u{1B}[31mred"), origin: nil)
        }
        if isClosed { log.endSegment(.cleanShutdown) }
        return log
    }
}
