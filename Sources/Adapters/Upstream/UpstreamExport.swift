import Storage

/// Writes the state of a store as an upstream volume, each index read back and compared.
public struct UpstreamExport {
    public struct Result {
        public var scopes = 0
        public var entries = 0
        public var bytes = 0
        /// Scopes that upstream can't hold, or couldn't load again.
        public var refused: [(scope: String, reason: UpstreamError)] = []
    }

    private let writer: UpstreamVolumeWriter

    /// The directory must exist.
    public init(directory: String) {
        writer = UpstreamVolumeWriter(path: directory)
    }

    /// One scope at a time is in memory. A scope that upstream would refuse doesn't stop the others.
    ///
    /// - Parameter progress: gets the number of scopes done.
    public func run(_ content: StateContent, progress: (Int) -> Void = { _ in }) throws -> Result {
        var result = Result()
        var current: (number: UInt32, name: String)?
        var entries: [(key: String, value: Bytes)] = []
        try content.entries { entry in
            if let scope = current, scope.number != entry.scopeNumber {
                try write(scope.name, entries, &result)
                progress(result.scopes)
                entries = []
            }
            current = (entry.scopeNumber, entry.scope)
            entries.append((entry.key, entry.value))
        }
        if let scope = current { try write(scope.name, entries, &result) }
        return result
    }

    private func write(_ scope: String, _ entries: [(key: String, value: Bytes)], _ result: inout Result) throws {
        do throws(UpstreamError) {
            let file = try writer.write(index: scope, entries)
            try writer.verify(file, entries)
            result.scopes += 1
            result.entries += entries.count
            result.bytes += file.bytes
        } catch {
            guard [.nameTooLong, .notJSON, .unreadableUpstream, .tooLarge].contains(error.code) else { throw error }
            result.refused.append((scope, error))
        }
    }
}
