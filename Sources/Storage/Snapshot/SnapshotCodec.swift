import Glibc

/// Turns values into what a snapshot row holds and back: compression, encryption, checksum.
///
/// Not thread-safe: one for readers, one for the writer.
final class SnapshotCodec {
    /// Smaller values gain nothing.
    static let compressFromBytes = 1024

    struct Payload {
        var bytes: Bytes
        var isCompressed = false
        var isEncrypted = false

        /// Writes envelope and payload to where the row stands.
        func fill(_ place: UnsafeMutableRawPointer, key: Bytes, lsn: UInt64) -> SnapshotEnvelope {
            bytes.withUnsafeBytes { bytes in
                var envelope = SnapshotEnvelope(isCompressed: isCompressed, isEncrypted: isEncrypted, lsn: lsn)
                key.withUnsafeBytes { envelope.seal(key: $0, payload: bytes) }
                envelope.encode(into: place)
                if let base = bytes.baseAddress {
                    memcpy(place + SnapshotEnvelope.encodedBytes, base, bytes.count)
                }
                return envelope
            }
        }
    }

    /// A row that is not sealed is believed: no key is in force, or the snapshot says that it may hold such rows.
    var allowsPlain = true
    private let options: SnapshotOptions
    private var ciphers: [KeyID: SnapshotCipher] = [:]

    init(_ options: SnapshotOptions) {
        self.options = options
    }

    // MARK: Writing

    /// `key`: the row's, table included.
    func encode(_ value: Bytes, key: Bytes, lsn: UInt64) -> Payload {
        var payload = compressed(value) ?? Payload(bytes: value)
        guard let current = options.keys.current else { return payload }
        let cipher = cipher(current)
        var sealed = Bytes()
        sealed.reserveCapacity(8 + payload.bytes.count + SnapshotCipher.overheadBytes)
        withUnsafeBytes(of: current.id.rawValue.littleEndian) { sealed.append(contentsOf: $0) }
        let authenticated = Self.authenticated(key, lsn)
        authenticated.withUnsafeBytes { authenticated in
            payload.bytes.withUnsafeBytes { cipher.seal($0, authenticating: authenticated, into: &sealed) }
        }
        payload.bytes = sealed
        payload.isEncrypted = true
        return payload
    }

    private func compressed(_ value: Bytes) -> Payload? {
        guard value.count >= Self.compressFromBytes else { return nil }
        let room = value.count - value.count / 8 - 4
        var packed: Int?
        let bytes = Bytes(unsafeUninitializedCapacity: 4 + room) { place, count in
            guard let base = place.baseAddress else { return }
            UnsafeMutableRawPointer(base).storeLittle(UInt32(value.count), at: 0)
            let target = UnsafeMutableRawBufferPointer(start: base + 4, count: room)
            packed = value.withUnsafeBytes { LZ4.compress($0, into: target) }
            count = packed.map { $0 + 4 } ?? 0
        }
        return packed == nil ? nil : Payload(bytes: bytes, isCompressed: true)
    }

    private func cipher(_ key: EncryptionKey) -> SnapshotCipher {
        if let cipher = ciphers[key.id] { return cipher }
        let cipher = SnapshotCipher(key: key, store: options.store)
        ciphers[key.id] = cipher
        return cipher
    }

    /// A value can't be moved to another key or another time.
    private static func authenticated(_ key: some Collection<UInt8>, _ lsn: UInt64) -> Bytes {
        var bytes = Bytes(key)
        withUnsafeBytes(of: lsn.littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    // MARK: Reading

    /// The plain value: in place, or in `scratch`, then valid until that changes.
    func decode(
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer,
        into scratch: SnapshotScratch,
        path: String
    ) throws(StorageError) -> SnapshotValue {
        let envelope: SnapshotEnvelope
        switch SnapshotEnvelope.read(value, key: key) {
        case .valid(let found): envelope = found
        case .invalid(let reason): throw .snapshotDamaged(path, reason)
        case .needsVersion(let what):
            throw .newerWriter(at: StorageError.Spot(path: path, segment: .none, offset: 0), what)
        }
        var payload = value.part(SnapshotEnvelope.encodedBytes, value.count - SnapshotEnvelope.encodedBytes)
        guard envelope.isSound(key: key, payload: payload) else {
            throw .snapshotDamaged(path, "the checksum of a row does not match (LSN \(envelope.lsn))")
        }
        guard envelope.isEncrypted || allowsPlain else {
            throw .snapshotDamaged(
                path,
                "a row is not encrypted though all rows are (LSN \(envelope.lsn)); somebody without the key wrote it"
            )
        }
        if envelope.isEncrypted { payload = try open(payload, key, envelope.lsn, scratch, path) }
        if envelope.isCompressed { payload = try unpack(payload, scratch, path) }
        return SnapshotValue(bytes: payload, lsn: envelope.lsn)
    }

    /// The same on arrays.
    func plain(_ key: Bytes, _ value: Bytes, path: String) throws(StorageError) -> (value: Bytes, lsn: UInt64) {
        let scratch = SnapshotScratch()
        let result = key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                Result { () throws(StorageError) in
                    let plain = try decode(key: key, value: value, into: scratch, path: path)
                    return (Bytes(plain.bytes), plain.lsn)
                }
            }
        }
        return try result.get()
    }

    private func open(
        _ payload: UnsafeRawBufferPointer,
        _ key: UnsafeRawBufferPointer,
        _ lsn: UInt64,
        _ scratch: SnapshotScratch,
        _ path: String
    ) throws(StorageError) -> UnsafeRawBufferPointer {
        guard payload.count >= 8 else { throw .snapshotDamaged(path, "a sealed row without its key's id") }
        let id = KeyID(rawValue: payload.loadLittle(UInt64.self, at: 0))
        let cipher = cipher(try options.keys.key(id, neededFor: path))
        scratch.opened.removeAll(keepingCapacity: true)
        let authenticated = Self.authenticated(key, lsn)
        let isGenuine = authenticated.withUnsafeBytes {
            cipher.open(payload.part(8, payload.count - 8), authenticating: $0, into: &scratch.opened)
        }
        guard isGenuine else { throw .snapshotDamaged(path, "a row does not open with its key (LSN \(lsn))") }
        return scratch.take(scratch.opened)
    }

    private func unpack(_ block: UnsafeRawBufferPointer, _ scratch: SnapshotScratch, _ path: String)
        throws(StorageError) -> UnsafeRawBufferPointer
    {
        guard block.count >= 4 else { throw .snapshotDamaged(path, "a compressed row without its length") }
        let bytes = Int(block.loadLittle(UInt32.self, at: 0))
        guard bytes <= LogLimits.maximumRecordBytes else { throw .snapshotDamaged(path, "a value of \(bytes) bytes") }
        let place = scratch.room(bytes)
        guard LZ4.decompress(block.part(4, block.count - 4), into: place) else {
            throw .snapshotDamaged(path, "a compressed row does not unpack")
        }
        return UnsafeRawBufferPointer(place)
    }
}

/// Memory for values that are not stored as they are.
final class SnapshotScratch {
    /// What was opened; then, in memory that stays where it is, its copy.
    var opened: Bytes = []
    private var plain = Memory()
    private var unpacked = Memory()

    /// Raw memory, because an array's may move.
    private struct Memory: ~Copyable {
        var place = UnsafeMutableRawBufferPointer(start: nil, count: 0)

        mutating func room(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
            if bytes > place.count {
                place.deallocate()
                place = .allocate(byteCount: max(4096, bytes), alignment: 8)
            }
            return UnsafeMutableRawBufferPointer(rebasing: place[..<bytes])
        }

        deinit { place.deallocate() }
    }

    func take(_ bytes: Bytes) -> UnsafeRawBufferPointer {
        let place = plain.room(bytes.count)
        place.copyBytes(from: bytes)
        return UnsafeRawBufferPointer(place)
    }

    func room(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
        unpacked.room(bytes)
    }
}
