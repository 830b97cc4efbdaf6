import Storage

/// Writes the content of a store as an upstream volume, each index read back and compared.
public struct UpstreamExport {
    public struct Result {
        public var indexes = 0
        public var entries = 0
        public var bytes = 0
        /// Indexes that upstream can't hold, or couldn't load again.
        public var refused: [(index: String, reason: UpstreamError)] = []
    }

    private let writer: UpstreamVolumeWriter

    /// The directory must exist.
    public init(directory: String) {
        writer = UpstreamVolumeWriter(path: directory)
    }

    /// One group at a time is in memory. A group that upstream would refuse doesn't stop the others.
    ///
    /// - Parameter progress: gets the number of indexes done.
    public func run(_ contents: [StoredContent], progress: (Int) -> Void = { _ in }) throws -> Result {
        var result = Result()
        for content in contents { try run(content, &result, progress) }
        return result
    }

    private func run(_ content: StoredContent, _ result: inout Result, _ progress: (Int) -> Void) throws {
        var current: (owner: Bytes, path: [String])?
        var entries: [(key: String, value: Bytes)] = []
        try content.entries { entry in
            if let group = current, group.owner != entry.owner {
                try write(group.path, entries, &result)
                progress(result.indexes)
                entries = []
            }
            current = (entry.owner, entry.path)
            entries.append((entry.key, entry.value))
        }
        if let group = current { try write(group.path, entries, &result) }
    }

    private func write(_ path: [String], _ entries: [(key: String, value: Bytes)], _ result: inout Result) throws {
        let index = path.count == 1 ? path[0] : UpstreamStreamName.index(stream: path[0], group: path[1])
        do throws(UpstreamError) {
            try requireOwnName(path, index)
            let file = try writer.write(index: index, entries)
            try writer.verify(file, entries)
            result.indexes += 1
            result.entries += entries.count
            result.bytes += file.bytes
        } catch {
            guard [.nameTooLong, .notJSON, .unreadableUpstream, .tooLarge].contains(error.code) else { throw error }
            result.refused.append((index, error))
        }
    }

    /// A name that reads as another group's, or as another worker's, would be taken for it.
    private func requireOwnName(_ path: [String], _ index: String) throws(UpstreamError) {
        guard UpstreamOwners.all.kind(ofName: index)?.path(ofIndex: index) != path else { return }
        let message = "upstream's files can't tell \(index.debugDescription) from another stream or group. Rename it"
        throw UpstreamError(.unreadableUpstream, message)
    }
}
