/// The first 80 bytes of a batch, the unit of write, checksum, sync and atomicity (storage.md §5.4), little-endian.
struct BatchHeader: Equatable, Sendable {
    static let encodedBytes = 80
    static let crcOffset = 76
    static let magic: [UInt8] = [0x49, 0x49, 0x57, 0x42]  // "IIWB"
    static let layoutVersion: UInt8 = 1

    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8
        /// No records: proves that the batch before it was durable (§5.6 point 8).
        static let seal = Flags(rawValue: 1)
        static let lastInSegment = Flags(rawValue: 2)
        static let cleanShutdown = Flags(rawValue: 4)
        static let known: Flags = [.seal, .lastInSegment, .cleanShutdown]
    }

    /// Where the batch stands: part of the checksum, so that a misdirected write or a log inside a value is no batch.
    struct Position: Equatable, Sendable {
        var segment: SegmentNumber
        var offset: UInt64
    }

    var layout = BatchHeader.layoutVersion
    /// 0 none, 1 LZ4 block.
    var compression: UInt8 = 0
    var flags: Flags = []
    var epoch: UInt64
    var number: BatchNumber
    var firstLSN: LSN
    var recordCount: UInt32
    var storedBytes: UInt32
    var rawBytes: UInt32
    var payloadCRC: UInt32
    /// The highest batch known synced when this one was written: tells a torn tail from damage.
    var durableThrough: BatchNumber
    /// Checksum field of the previous batch's header, across segments.
    var chain: UInt32
    /// Nanoseconds since 1970: for people and for restore to a time, never for ordering.
    var committedAt: UInt64
    /// The part of a sealed batch's nonce that depends on its content; 0: there is none (docs/encryption.md).
    var contentNonce: UInt64 = 0

    /// Bytes in the file, padding included.
    var paddedBytes: Int { LogLimits.roundedToBlock(Self.encodedBytes + Int(storedBytes)) }

    /// Writes the header and returns its checksum, the next batch's `chain`.
    @discardableResult
    func encode(into bytes: UnsafeMutableRawPointer, at position: Position) -> UInt32 {
        UnsafeMutableRawBufferPointer(start: bytes, count: Self.encodedBytes).initializeMemory(
            as: UInt8.self,
            repeating: 0
        )
        UnsafeMutableRawBufferPointer(start: bytes, count: 4).copyBytes(from: Self.magic)
        bytes.storeLittle(layout, at: 4)
        bytes.storeLittle(compression, at: 5)
        bytes.storeLittle(flags.rawValue, at: 6)
        bytes.storeLittle(epoch, at: 8)
        bytes.storeLittle(number.rawValue, at: 16)
        bytes.storeLittle(firstLSN.rawValue, at: 24)
        bytes.storeLittle(recordCount, at: 32)
        bytes.storeLittle(storedBytes, at: 36)
        bytes.storeLittle(rawBytes, at: 40)
        bytes.storeLittle(payloadCRC, at: 44)
        bytes.storeLittle(durableThrough.rawValue, at: 48)
        bytes.storeLittle(chain, at: 56)
        bytes.storeLittle(UInt32(truncatingIfNeeded: contentNonce), at: 60)
        bytes.storeLittle(committedAt, at: 64)
        bytes.storeLittle(UInt32(truncatingIfNeeded: contentNonce >> 32), at: 72)
        let crc = Self.checksum(UnsafeRawBufferPointer(start: bytes, count: Self.encodedBytes), at: position)
        bytes.storeLittle(crc, at: Self.crcOffset)
        return crc
    }

    static func checksum(_ header: UnsafeRawBufferPointer, at position: Position) -> UInt32 {
        let fields = crc32c(header.part(0, crcOffset))
        return withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { place in
            guard let bytes = place.baseAddress else { return fields }
            bytes.storeLittle(position.segment.rawValue, at: 0)
            bytes.storeLittle(position.offset, at: 8)
            return crc32c(UnsafeRawBufferPointer(place), continuing: fields)
        }
    }
}

/// What the bytes on a block edge turned out to be.
enum BatchHeaderReading: Equatable {
    case valid(BatchHeader, crc: UInt32)
    /// All zero, wrong magic or wrong checksum: no batch was completely written here.
    case invalid(String)
    /// A sound header of a layout that this version does not know (R14).
    case needsVersion(String)
}

extension BatchHeader {
    static func read(_ bytes: UnsafeRawBufferPointer, at position: Position) -> BatchHeaderReading {
        guard bytes.count >= encodedBytes else { return .invalid("shorter than a header") }
        let header = bytes.part(0, encodedBytes)
        guard header.prefix(magic.count).elementsEqual(magic) else {
            return .invalid(header.isAllZero ? "all zero" : "wrong magic")
        }
        let crc = header.loadLittle(UInt32.self, at: crcOffset)
        guard crc == checksum(header, at: position) else { return .invalid("header checksum does not match") }
        let layout = header.loadLittle(UInt8.self, at: 4)
        guard layout == layoutVersion else { return .needsVersion("batch layout \(layout)") }
        let flags = Flags(rawValue: header.loadLittle(UInt8.self, at: 6))
        guard Flags.known.isSuperset(of: flags) else { return .needsVersion("batch flags \(flags.rawValue)") }
        let fields = decodeFields(header, flags: flags)
        guard max(fields.number.rawValue, fields.firstLSN.rawValue) <= LogLimits.maximumNumber else {
            return .invalid("numbers that no log reaches")
        }
        return .valid(fields, crc: crc)
    }

    private static func decodeFields(_ header: UnsafeRawBufferPointer, flags: Flags) -> BatchHeader {
        BatchHeader(
            layout: header.loadLittle(UInt8.self, at: 4),
            compression: header.loadLittle(UInt8.self, at: 5),
            flags: flags,
            epoch: header.loadLittle(UInt64.self, at: 8),
            number: BatchNumber(rawValue: header.loadLittle(UInt64.self, at: 16)),
            firstLSN: LSN(rawValue: header.loadLittle(UInt64.self, at: 24)),
            recordCount: header.loadLittle(UInt32.self, at: 32),
            storedBytes: header.loadLittle(UInt32.self, at: 36),
            rawBytes: header.loadLittle(UInt32.self, at: 40),
            payloadCRC: header.loadLittle(UInt32.self, at: 44),
            durableThrough: BatchNumber(rawValue: header.loadLittle(UInt64.self, at: 48)),
            chain: header.loadLittle(UInt32.self, at: 56),
            committedAt: header.loadLittle(UInt64.self, at: 64),
            contentNonce: UInt64(header.loadLittle(UInt32.self, at: 60))
                | UInt64(header.loadLittle(UInt32.self, at: 72)) << 32
        )
    }
}
