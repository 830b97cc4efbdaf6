import Engine

/// Builds the file of one index, entry by entry, as upstream writes it for the same content: compact, keys in the order
/// given, each value as `UpstreamValueText` spells it. Memory: the text, twice while it grows, and 16 to 32 bytes
/// per entry.
public struct UpstreamIndexBuilder: Sendable {
    private var text: [UInt8] = [UInt8(ascii: "{")]
    /// Of the keys in `text`, quotes included: written keys are equal exactly when the keys are.
    private var keys: [Range<UInt32>] = []
    private var table = UpstreamKeyTable()

    public init() {}

    public var count: Int { keys.count }

    /// Adds an entry behind the others. Fails with `.duplicateKey`, `.notJSON`, `.unreadableUpstream` or `.tooLarge`;
    /// throw the builder away then.
    public mutating func append(key: String, value: some Collection<UInt8>) throws(UpstreamError) {
        if !keys.isEmpty { text.append(UInt8(ascii: ",")) }
        try append(key: key)
        text.append(UInt8(ascii: ":"))
        try UpstreamValueText.append(value, key: key, to: &text)
        // The brace is still to come.
        guard text.count < UpstreamArchive.maximumTextBytes else {
            throw UpstreamError(
                .tooLarge,
                "the index doesn't fit a file of upstream's, which holds \(UpstreamArchive.maximumTextBytes) bytes. "
                    + "Leave this index out"
            )
        }
    }

    /// The file's bytes.
    public consuming func finish() throws(UpstreamError) -> [UInt8] {
        // Moved out of the builder: a shared array would be copied.
        var file: [UInt8] = []
        swap(&file, &text)
        file.append(UInt8(ascii: "}"))
        do throws(UpstreamArchiveError) {
            return try UpstreamArchive.encode(consume file)
        } catch {
            throw UpstreamError(.tooLarge, error.description)
        }
    }

    private mutating func append(key: String) throws(UpstreamError) {
        let start = text.count
        var writer = JSONWriter(appendingTo: text)
        text = []
        writer.string(key)
        text = writer.bytes
        let range = UInt32(start)..<UInt32(text.count)
        let isKnown = text.withUnsafeBytes { bytes in
            func part(_ range: Range<UInt32>) -> UnsafeRawBufferPointer {
                UnsafeRawBufferPointer(rebasing: bytes[Int(range.lowerBound)..<Int(range.upperBound)])
            }
            let new = part(range)
            return table.insert(keys.count, hash: new.keyHash) { part(keys[$0]).elementsEqual(new) } != nil
        }
        guard !isKnown else {
            throw UpstreamError(.duplicateKey, "the key \(key.debugDescription) is there twice. Give every key once")
        }
        keys.append(range)
    }
}
