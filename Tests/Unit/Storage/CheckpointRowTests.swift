import Testing

@testable import Storage
@testable import StorageTesting

/// L0: the checkpoint row's bytes (storage.md §5.9), plain, sealed, and of the format before.
@Suite struct CheckpointRowTests {
    static func sample(keyID: UInt64 = 0, further: [UInt64] = []) -> CheckpointRow {
        CheckpointRow(
            store: FormatVectors.store,
            position: CheckpointPosition(
                end: LogEnd(
                    lastBatch: BatchNumber(rawValue: 9),
                    chain: 77,
                    nextLSN: LSN(rawValue: 100),
                    segment: SegmentNumber(rawValue: 3),
                    offset: 8192,
                    batchOffset: 4096,
                    epoch: 5
                ),
                createdAt: 123
            ),
            generation: 4,
            digest: SnapshotDigest(rawValue: 6),
            keyID: keyID,
            counts: [1: 10, 65_534: 3],
            furtherKeys: further,
            authenticatedFrom: SegmentNumber(rawValue: 3),
            isAuthenticated: keyID != 0
        )
    }

    private func read(_ bytes: Bytes) -> CheckpointRowReading { bytes.withUnsafeBytes { CheckpointRow.read($0) } }

    private static let further: [[UInt64]] = [[], [0], [1, 0, .max]]

    @Test(arguments: [false, true], further)
    func roundTripFlipsAndTruncations(sealed: Bool, further: [UInt64]) throws {
        let key = sealed ? try FormatVectors.key() : nil
        let row = Self.sample(keyID: key?.id.rawValue ?? 0, further: further)
        let bytes = row.encoded(key: key)
        #expect(read(bytes) == .valid(row))
        for bit in 0..<(bytes.count * 8) {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            guard case .valid = read(flipped) else { continue }
            Issue.record("bit \(bit) was not noticed")
        }
        for count in 0..<bytes.count {
            guard case .valid = read(Bytes(bytes.prefix(count))) else { continue }
            Issue.record("\(count) bytes were enough")
        }
    }

    /// A row that a version wrote which knew one key and no authentication.
    @Test func theFormatBeforeIsRead() throws {
        let bytes = Self.older(Self.sample())
        var expected = Self.sample()
        expected.authenticatedFrom = .none
        expected.isOlder = true
        #expect(read(bytes) == .valid(expected))
        for count in 0..<bytes.count {
            guard case .valid = read(Bytes(bytes.prefix(count))) else { continue }
            Issue.record("\(count) bytes were enough")
        }
    }

    /// The bytes of major 1: nothing between the tables and the checksum.
    static func older(_ row: CheckpointRow) -> Bytes {
        var row = row
        row.isAuthenticated = false
        row.furtherKeys = []
        var bytes = Bytes(row.encoded().dropLast(CheckpointRow.trustBytes + 4))
        bytes[4] = 1
        return bytes + checksum(bytes)
    }

    static func checksum(_ bytes: Bytes) -> Bytes {
        let crc = bytes.withUnsafeBytes { crc32c($0) }
        return withUnsafeBytes(of: crc.littleEndian) { Bytes($0) }
    }

    /// Whoever has no key can make checksums right, but no code.
    @Test func everyForgedBitIsNoticed() throws {
        let key = try FormatVectors.key()
        let row = Self.sample(keyID: key.id.rawValue, further: [0])
        let bytes = row.encoded(key: key)
        #expect(bytes.withUnsafeBytes { row.isGenuine($0, key: key) })
        #expect(!bytes.withUnsafeBytes { row.isGenuine($0, key: .random()) })
        for bit in 0..<((bytes.count - 4) * 8) {
            var forged = Bytes(bytes.dropLast(4))
            forged[bit / 8] ^= 1 << UInt8(bit % 8)
            forged += Self.checksum(forged)
            guard case .valid(let found) = read(forged) else { continue }
            #expect(!forged.withUnsafeBytes { found.isGenuine($0, key: key) }, "bit \(bit)")
        }
    }

    @Test func theCodesStayAsTheyAre() throws {
        for (purpose, expected) in [
            (KeyPurpose.header, FormatVectors.headerCode), (.checkpoint, FormatVectors.checkpointCode),
        ] {
            var code = Bytes(repeating: 0, count: Authenticator.codeBytes)
            FormatVectors.plaintext.withUnsafeBytes { text in
                guard let key = try? FormatVectors.key() else { return }
                code.withUnsafeMutableBytes { Authenticator(key, purpose, FormatVectors.store).authenticate(text, into: $0) }
            }
            #expect(code == bytes(expected))
        }
    }

    @Test func keysWhileRowsAreMoved() throws {
        let (a, b) = (EncryptionKey.random(), EncryptionKey.random())
        func keys(_ current: EncryptionKey?, _ previous: EncryptionKey...) -> EncryptionKeys {
            EncryptionKeys(current: current, previous: previous)
        }
        let row = Self.sample(keyID: a.id.rawValue)
        #expect(row.isSettled(keys(a)) && row.isSettled(keys(a, b)) && !row.isSettled(keys(b, a)))
        let moving = row.moving(to: keys(b, a))
        #expect(moving.neededKeys == [b.id, a.id] && moving.isAuthenticated && !moving.mayHoldPlainRows)
        // Given up halfway, and once more.
        let back = moving.moving(to: keys(a, b))
        #expect(back.neededKeys == [a.id, b.id] && !back.isSettled(keys(a, b)))
        #expect(back.moving(to: keys(nil, a, b)).neededKeys == [a.id, b.id])
        let plain = Self.sample().moving(to: keys(a))
        #expect(plain.mayHoldPlainRows && plain.neededKeys == [a.id] && plain.isAuthenticated && !plain.provesSealedRows)
        // The format before named one key, whatever a rotation that was given up had left.
        var older = row
        older.isOlder = true
        older.isAuthenticated = false
        #expect(older.isSettled(keys(a)) && !older.isSettled(keys(a, b)))
        #expect(older.moving(to: keys(a, b)).neededKeys == [a.id, b.id])
    }
}
