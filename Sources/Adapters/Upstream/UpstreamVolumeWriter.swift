/// Writes index files that upstream reads, byte for byte as it would write them itself (numbers keep their text).
///
/// Don't write into the directory of a running engine: it holds every index in memory and replaces the files.
public struct UpstreamVolumeWriter: Sendable {
    public let path: String

    /// The directory must exist.
    public init(path: String) {
        self.path = path
    }

    /// Writes, or replaces, the file of an index. It is on disk when this returns; after an error it is the old one, or
    /// none.
    @discardableResult
    public func write(
        index: String,
        _ entries: some Sequence<(key: String, value: some Collection<UInt8>)>
    ) throws(UpstreamError) -> UpstreamFile {
        var builder = UpstreamIndexBuilder()
        for entry in entries { try builder.append(key: entry.key, value: entry.value) }
        return try write(index: index, consume builder)
    }

    /// Same, for entries that were added one by one.
    @discardableResult
    public func write(index: String, _ builder: consuming UpstreamIndexBuilder) throws(UpstreamError) -> UpstreamFile {
        let name = try UpstreamIndexName.encode(index)
        let file = path + "/" + name
        let bytes = try builder.finish()
        try UpstreamFiles.replace(file, temporary: file + ".tmp", in: path, with: bytes)
        return UpstreamFile(name: name, index: index, bytes: bytes.count)
    }

    /// Reads what `write` wrote and compares it, entry by entry, with what it was given. Fails with
    /// `.verificationFailed` at the first difference.
    public func verify(
        _ file: UpstreamFile,
        _ entries: some Sequence<(key: String, value: some Collection<UInt8>)>
    ) throws(UpstreamError) {
        switch UpstreamVolume.read(file, in: path) {
        case .damaged(let damage): throw difference("\(damage)")
        case .sound(let index): try compare(index, entries)
        }
    }

    private func compare(
        _ index: UpstreamIndex,
        _ entries: some Sequence<(key: String, value: some Collection<UInt8>)>
    ) throws(UpstreamError) {
        var position = 0
        for entry in entries {
            guard position < index.count else {
                throw difference("\(index.count) entries were read, more were written")
            }
            let found = index[position]
            guard found.key.utf8.elementsEqual(entry.key.utf8) else {
                throw difference(
                    "entry \(position) has the key \(found.key.debugDescription), not \(entry.key.debugDescription)"
                )
            }
            var expected: [UInt8] = []
            try UpstreamValueText.append(entry.value, key: entry.key, to: &expected)
            guard found.value.elementsEqual(expected) else {
                throw difference("the value of \(entry.key.debugDescription) differs")
            }
            position += 1
        }
        guard position == index.count else {
            throw difference("\(index.count) entries were read, \(position) were written")
        }
    }

    private func difference(_ text: String) -> UpstreamError {
        UpstreamError(.verificationFailed, "\(text). Keep both sides and report this", path: path)
    }
}
