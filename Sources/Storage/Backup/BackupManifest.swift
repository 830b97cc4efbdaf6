/// What a backup consists of, as text beside its files:
///
///     iii-storage backup 1
///     store 0123456789abcdef0123456789abcdef
///     created 1700000000000000000
///     checkpoint 4711
///     through 4800
///     covered 1700000000000000000
///     file 1a2b3c4d 32768 snapshot/data.mdb
///     file …
///     end 5e6f7a8b
///
/// Checksums are CRC32C as eight hexadecimal digits, of a file's bytes and, in the last line, of all lines before it.
struct BackupManifest: Equatable, Sendable {
    static let name = "MANIFEST"
    static let heading = "iii-storage backup 1"
    /// A store has at most a few thousand segments; longer manifests are not believed.
    static let maximumBytes = 4 * LogLimits.mebibyte

    struct File: Equatable, Sendable {
        var path: String
        var bytes: UInt64
        var checksum: UInt32
    }

    var store: StoreID
    /// Nanoseconds since 1970.
    var createdAt: UInt64
    /// What the snapshot holds, and what snapshot and log hold together.
    var checkpoint: LSN
    var through: LSN
    /// Everything that was committed before this moment is in it; nil: not known.
    var coveredUntil: UInt64?
    var files: [File]

    func encoded() -> Bytes {
        var text = "\(Self.heading)\nstore \(store.text)\ncreated \(createdAt)\n"
        text += "checkpoint \(checkpoint)\nthrough \(through)\n"
        if let coveredUntil { text += "covered \(coveredUntil)\n" }
        for file in files { text += "file \(hexadecimal(file.checksum)) \(file.bytes) \(file.path)\n" }
        let crc = Bytes(text.utf8).withUnsafeBytes { crc32c($0) }
        return Bytes((text + "end \(hexadecimal(crc))\n").utf8)
    }

    /// The message says what is wrong with it.
    init(decoding bytes: Bytes) throws(StorageError) {
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        guard lines.popLast()?.isEmpty == true, let end = lines.popLast(), let heading = lines.first else {
            throw Self.refusal("it ends early")
        }
        guard heading.elementsEqual(Self.heading.utf8) else { throw Self.refusal("it does not begin with its heading") }
        let body = bytes.dropLast(end.count + 1)
        let crc = Bytes(body).withUnsafeBytes { crc32c($0) }
        guard end.elementsEqual("end \(hexadecimal(crc))".utf8) else {
            throw Self.refusal("its checksum does not match")
        }
        var fields: [String: String] = [:]
        files = []
        for line in lines.dropFirst() {
            let words = line.split(separator: 0x20, maxSplits: 3).map { String(decoding: $0, as: UTF8.self) }
            if words.count == 4, words[0] == "file", let file = File(words) {
                files.append(file)
            } else if words.count == 2 {
                fields[words[0]] = words[1]
            } else {
                throw Self.refusal("a line makes no sense")
            }
        }
        guard let store = fields["store"].flatMap(StoreID.init(text:)),
            let created = fields["created"].flatMap(UInt64.init),
            let checkpoint = fields["checkpoint"].flatMap(UInt64.init),
            let through = fields["through"].flatMap(UInt64.init)
        else { throw Self.refusal("a line is missing") }
        guard max(checkpoint, through) <= LogLimits.maximumNumber, Self.fits(files) else {
            throw Self.refusal("it has numbers that no backup reaches")
        }
        self.store = store
        createdAt = created
        self.checkpoint = LSN(rawValue: checkpoint)
        self.through = LSN(rawValue: through)
        coveredUntil = fields["covered"].flatMap(UInt64.init)
    }

    init(
        store: StoreID,
        createdAt: UInt64,
        checkpoint: LSN,
        through: LSN,
        coveredUntil: UInt64? = nil,
        files: [File]
    ) {
        self.store = store
        self.createdAt = createdAt
        self.checkpoint = checkpoint
        self.through = through
        self.coveredUntil = coveredUntil
        self.files = files
    }

    /// Their sizes can be added up.
    private static func fits(_ files: [File]) -> Bool {
        var left = LogLimits.maximumNumber
        for file in files {
            guard file.bytes <= left else { return false }
            left -= file.bytes
        }
        return true
    }

    private static func refusal(_ what: String) -> StorageError {
        StorageError(.damaged, "the backup's \(name) can't be used: \(what). Use another backup")
    }
}

extension BackupManifest.File {
    /// Paths stay inside the backup.
    fileprivate init?(_ words: [String]) {
        guard let checksum = UInt32(words[1], radix: 16), let bytes = UInt64(words[2]) else { return nil }
        let parts = words[3].split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else { return nil }
        self.init(path: words[3], bytes: bytes, checksum: checksum)
    }
}

func hexadecimal<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: Value.bitWidth / 4 - digits.utf8.count) + digits
}

extension StoreID {
    /// 32 hexadecimal digits.
    var text: String { hexadecimal(high) + hexadecimal(low) }

    init?(text: String) {
        guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}
