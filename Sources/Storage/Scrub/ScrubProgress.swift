/// How far passes over the snapshot have come: `snapshot/SCRUB`, a few lines of text with a CRC. Losing it costs reading
/// again, nothing else.
struct ScrubProgress: Equatable, Sendable {
    /// The latest checkpoint that a whole pass found sound; 0: none.
    var scrubbedGeneration: UInt64 = 0
    /// When that pass ended, or when this was begun; nanoseconds since 1970.
    var since: UInt64 = 0
    /// A pass under way.
    var sums: ScrubSums?
    /// The checkpoint that the sums belong to, and its digest: another history may count its checkpoints the same way.
    private(set) var generation: UInt64 = 0
    private(set) var imageDigest: UInt64 = 0

    static let maximumBytes = 1 << 20
    private static let heading = "iii-scrub 1"

    init(scrubbedGeneration: UInt64 = 0, since: UInt64 = 0) {
        self.scrubbedGeneration = scrubbedGeneration
        self.since = since
    }

    mutating func setImage(_ row: CheckpointRow) {
        generation = row.generation
        imageDigest = row.digest.rawValue
    }

    func isImage(_ row: CheckpointRow) -> Bool {
        generation == row.generation && imageDigest == row.digest.rawValue
    }

    func encoded(_ store: StoreID) -> Bytes {
        var text = "\(Self.heading)\nstore \(store.text)\nscrubbed \(scrubbedGeneration)\nsince \(since)\n"
        text += "generation \(generation)\nimage \(imageDigest)\n"
        if let sums {
            let counts = sums.counts.filter { $0.value != 0 }.sorted { $0.key < $1.key }
            text += "key \(Hexadecimal.text(sums.upTo))\ndigest \(sums.digest.rawValue)\n"
            text += "rows \(counts.map { "\($0.key):\($0.value)" }.joined(separator: ","))\n"
        }
        let crc = Bytes(text.utf8).withUnsafeBytes { crc32c($0) }
        return Bytes((text + "crc \(crc)\n").utf8)
    }

    /// nil: not this store's, or not what `encoded` wrote.
    static func read(_ bytes: Bytes, store: StoreID) -> ScrubProgress? {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: true)
        guard lines.count >= 5, lines[0] == heading, let last = lines.last else { return nil }
        let covered = lines.dropLast().map { $0 + "\n" }.joined()
        guard last == "crc \(Bytes(covered.utf8).withUnsafeBytes { crc32c($0) })" else { return nil }
        var fields: [Substring: Substring] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: " ", maxSplits: 1)
            if let name = parts.first { fields[name] = parts.count > 1 ? parts[1] : "" }
        }
        guard fields["store"].map(String.init) == store.text else { return nil }
        var progress = ScrubProgress()
        progress.scrubbedGeneration = fields["scrubbed"].flatMap { UInt64($0) } ?? 0
        progress.since = fields["since"].flatMap { UInt64($0) } ?? 0
        progress.generation = fields["generation"].flatMap { UInt64($0) } ?? 0
        progress.imageDigest = fields["image"].flatMap { UInt64($0) } ?? 0
        progress.sums = sums(fields)
        return progress
    }

    private static func sums(_ fields: [Substring: Substring]) -> ScrubSums? {
        guard let key = fields["key"].flatMap({ Hexadecimal.bytes($0) }),
            let digest = fields["digest"].flatMap({ UInt64($0) }), let rows = fields["rows"]
        else { return nil }
        var sums = ScrubSums(upTo: key, digest: SnapshotDigest(rawValue: digest))
        for part in rows.split(separator: ",") {
            let pair = part.split(separator: ":")
            guard pair.count == 2, let table = UInt16(pair[0]), let count = UInt64(pair[1]) else { return nil }
            sums.counts[table] = count
        }
        return sums
    }

    private enum Hexadecimal {
        static func text(_ bytes: Bytes) -> String {
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }

        static func bytes(_ text: Substring) -> Bytes? {
            let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
            guard digits.count == text.utf8.count, digits.count % 2 == 0 else { return nil }
            return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
        }
    }
}
