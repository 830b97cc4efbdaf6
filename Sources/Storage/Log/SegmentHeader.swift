/// What the end of the previous segment was when this one began. Fixes that end for ever (storage.md §5.3, §5.10 step 10).
struct PredecessorFacts: Equatable, Sendable {
    var segment: SegmentNumber
    var lastBatch: BatchNumber
    /// Bytes from here on are dead.
    var endOffset: UInt64
    var lastBatchCRC: UInt32

    static let none = PredecessorFacts(segment: .none, lastBatch: .none, endOffset: 0, lastBatchCRC: 0)
}

/// The first block of a segment (storage.md §5.3), little-endian.
struct SegmentHeader: Equatable, Sendable {
    static let magic: [UInt8] = [0x89, 0x49, 0x49, 0x49, 0x57, 0x0D, 0x0A, 0x1A]
    static let major: UInt16 = 1
    static let minor: UInt16 = 0
    static let encodedBytes = LogLimits.blockBytes
    static let crcOffset = 4092
    /// The authentication code of everything before it, where there is one.
    static let codeOffset = crcOffset - Authenticator.codeBytes
    /// Feature bits that this version understands.
    static let knownFeatures: UInt32 = encryptedFeature | authenticatedFeature | contentNonceFeature
    /// Required: the batches are sealed with the key that the header names.
    static let encryptedFeature: UInt32 = 1
    /// Required: the block ends with its authentication code, made with the key that the header names.
    static let authenticatedFeature: UInt32 = 2
    /// Required: the nonce of a batch depends on its content; a part of it is in the batch's header.
    static let contentNonceFeature: UInt32 = 4
    /// What the segments of a store with a key require.
    static let sealedFeatures = encryptedFeature | authenticatedFeature | contentNonceFeature
    /// Ignorable: the file was a segment before, and what it held then stands behind the end of what it holds now.
    static let recycledFeature: UInt32 = 1
    /// Ignorable, counts only in an authenticated header: plain content before this segment is believed.
    static let plainBeforeFeature: UInt32 = 2
    /// Ignorable, counts only in an authenticated header: encrypted content before this segment may have been written by
    /// a version that authenticated neither segment headers nor the checkpoint row.
    static let olderBeforeFeature: UInt32 = 4

    var major = SegmentHeader.major
    var minor = SegmentHeader.minor
    var store: StoreID
    var number: SegmentNumber
    /// Random, new at every activation of the file: tells leftovers from content.
    var epoch: UInt64
    var firstBatch: BatchNumber
    var firstLSN: LSN
    var preparedBytes: UInt64
    var predecessor: PredecessorFacts
    var requiredFeatures: UInt32 = 0
    var ignorableFeatures: UInt32 = 0
    /// Nanoseconds since 1970; informational.
    var createdAt: UInt64
    /// `KeyID` of the encryption key, 0: none.
    var keyID: UInt64 = 0

    var isEncrypted: Bool { requiredFeatures & Self.encryptedFeature != 0 }
    var isAuthenticated: Bool { requiredFeatures & Self.authenticatedFeature != 0 }
    var hasContentNonces: Bool { requiredFeatures & Self.contentNonceFeature != 0 }

    /// - Parameter key: what authenticates the block, if the header's features say so.
    func encode(into block: UnsafeMutableRawBufferPointer, key: EncryptionKey? = nil) {
        precondition(block.count == Self.encodedBytes)
        precondition(isAuthenticated == (key != nil), "an authentication code needs a key")
        guard let bytes = block.baseAddress else { return }
        block.initializeMemory(as: UInt8.self, repeating: 0)
        block.copyBytes(from: Self.magic)
        bytes.storeLittle(major, at: 8)
        bytes.storeLittle(minor, at: 10)
        bytes.storeLittle(UInt32(LogLimits.blockBytes), at: 12)
        bytes.storeLittle(store.low, at: 16)
        bytes.storeLittle(store.high, at: 24)
        bytes.storeLittle(number.rawValue, at: 32)
        bytes.storeLittle(epoch, at: 40)
        bytes.storeLittle(firstBatch.rawValue, at: 48)
        bytes.storeLittle(firstLSN.rawValue, at: 56)
        bytes.storeLittle(preparedBytes, at: 64)
        bytes.storeLittle(predecessor.segment.rawValue, at: 72)
        bytes.storeLittle(predecessor.lastBatch.rawValue, at: 80)
        bytes.storeLittle(predecessor.endOffset, at: 88)
        bytes.storeLittle(predecessor.lastBatchCRC, at: 96)
        bytes.storeLittle(requiredFeatures, at: 100)
        bytes.storeLittle(ignorableFeatures, at: 104)
        bytes.storeLittle(createdAt, at: 108)
        bytes.storeLittle(keyID, at: 116)
        if let key {
            let code = UnsafeMutableRawBufferPointer(start: bytes + Self.codeOffset, count: Authenticator.codeBytes)
            Authenticator(key, .header, store).authenticate(
                Self.authenticated(UnsafeRawBufferPointer(block)),
                into: code
            )
        }
        bytes.storeLittle(crc32c(UnsafeRawBufferPointer(block).part(0, Self.crcOffset)), at: Self.crcOffset)
    }
}

extension SegmentHeader {
    /// The block is what the holder of the key wrote. Of its own bytes, not of the fields: a newer version may have
    /// written more of them.
    func isGenuine(_ block: UnsafeRawBufferPointer, key: EncryptionKey) -> Bool {
        guard isAuthenticated, block.count == Self.encodedBytes else { return false }
        return Authenticator(key, .header, store).isGenuine(
            Self.authenticated(block),
            code: block.part(Self.codeOffset, Authenticator.codeBytes)
        )
    }

    private static func authenticated(_ block: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        block.part(0, codeOffset)
    }
}

/// What a block that should be a segment header turned out to be.
enum SegmentHeaderReading: Equatable {
    case valid(SegmentHeader)
    /// Not a header, or a damaged one.
    case invalid(String)
    /// Written by a newer version (R14).
    case needsVersion(String)
}

extension SegmentHeader {
    /// The checksum is verified before any other field is believed; only the version may change what the rest means.
    static func read(_ block: UnsafeRawBufferPointer) -> SegmentHeaderReading {
        guard block.count == encodedBytes else { return .invalid("shorter than one block") }
        guard block.prefix(magic.count).elementsEqual(magic) else {
            return .invalid(block.isAllZero ? "all zero" : "wrong magic")
        }
        guard block.loadLittle(UInt32.self, at: crcOffset) == crc32c(block.part(0, crcOffset)) else {
            return .invalid("checksum does not match")
        }
        let major = block.loadLittle(UInt16.self, at: 8)
        guard major == Self.major else { return .needsVersion("segment format \(major)") }
        let features = block.loadLittle(UInt32.self, at: 100)
        guard features & ~knownFeatures == 0 else { return .needsVersion("segment feature bits \(features)") }
        guard block.loadLittle(UInt32.self, at: 12) == UInt32(LogLimits.blockBytes) else {
            return .needsVersion("segment block size \(block.loadLittle(UInt32.self, at: 12))")
        }
        let header = decodeFields(block)
        let numbers = [header.number.rawValue, header.firstBatch.rawValue, header.firstLSN.rawValue]
        guard numbers.allSatisfy({ $0 <= LogLimits.maximumNumber }) else {
            return .invalid("numbers that no log reaches")
        }
        return .valid(header)
    }

    private static func decodeFields(_ block: UnsafeRawBufferPointer) -> SegmentHeader {
        SegmentHeader(
            major: block.loadLittle(UInt16.self, at: 8),
            minor: block.loadLittle(UInt16.self, at: 10),
            store: StoreID(
                high: block.loadLittle(UInt64.self, at: 24),
                low: block.loadLittle(UInt64.self, at: 16)
            ),
            number: SegmentNumber(rawValue: block.loadLittle(UInt64.self, at: 32)),
            epoch: block.loadLittle(UInt64.self, at: 40),
            firstBatch: BatchNumber(rawValue: block.loadLittle(UInt64.self, at: 48)),
            firstLSN: LSN(rawValue: block.loadLittle(UInt64.self, at: 56)),
            preparedBytes: block.loadLittle(UInt64.self, at: 64),
            predecessor: PredecessorFacts(
                segment: SegmentNumber(rawValue: block.loadLittle(UInt64.self, at: 72)),
                lastBatch: BatchNumber(rawValue: block.loadLittle(UInt64.self, at: 80)),
                endOffset: block.loadLittle(UInt64.self, at: 88),
                lastBatchCRC: block.loadLittle(UInt32.self, at: 96)
            ),
            requiredFeatures: block.loadLittle(UInt32.self, at: 100),
            ignorableFeatures: block.loadLittle(UInt32.self, at: 104),
            createdAt: block.loadLittle(UInt64.self, at: 108),
            keyID: block.loadLittle(UInt64.self, at: 116)
        )
    }
}
