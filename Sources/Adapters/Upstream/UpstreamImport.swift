import Storage

/// Takes an upstream volume into a store, and compares the result with the files.
///
/// One file at a time is in memory. The volume is only read.
public struct UpstreamImport {
    public let volume: UpstreamVolume
    /// Who has the volume's path.
    public let owners: UpstreamOwners
    /// What is taken; files whose names say that they are of another kind aren't opened.
    public let kinds: [ContentKind]
    /// Take what can be read of damaged files too.
    public let takesSalvage: Bool
    public let files: [UpstreamFile]
    /// Of all files together.
    public let bytes: Int

    public init(
        volume: UpstreamVolume,
        owners: UpstreamOwners = .all,
        kinds: [ContentKind] = ContentKind.allCases,
        takesSalvage: Bool
    ) {
        self.volume = volume
        self.owners = owners
        self.kinds = kinds
        self.takesSalvage = takesSalvage
        files = volume.files.filter { file in owners.kind(ofName: file.index).map(kinds.contains) ?? false }
        bytes = files.reduce(0) { $0 + $1.bytes }
    }

    /// Reads all files and takes nothing.
    ///
    /// - Parameter progress: gets the bytes of the files done; what it throws ends it.
    public func survey(progress: (Int) throws -> Void = { _ in }) throws -> UpstreamImportResult {
        try requireOwners()
        return try readEach(progress) { _, _, _ in }
    }

    /// Writes into a store without content of these kinds; on disk when it returns.
    ///
    /// - Parameter progress: same, also before each transaction.
    public func run(
        into store: Store,
        progress: (Int) throws -> Void = { _ in }
    ) throws -> UpstreamImportResult {
        try requireOwners()
        return try withoutActuallyEscaping(progress) { progress in
            var done = 0
            var targets: [ContentKind: ContentImport] = [:]
            for kind in kinds { targets[kind] = try ContentImport(store: store, kind) { try progress(done) } }
            let result = try readEach({ done = $0 }) { kind, path, index in
                try targets[kind]?.add(path, index.lazy.map { (key: $0.key, value: $0.value) })
            }
            for kind in kinds { try targets[kind]?.finish() }
            try progress(done)
            return result
        }
    }

    /// Reads the volume again and compares it with the store: each entry is looked up by its names, stands at its place
    /// and has its value; and the store has nothing else of these kinds.
    ///
    /// - Returns: what the workers' own ways of reading find in the store: groups and entries.
    /// - Throws: `.verificationFailed` at the first difference.
    @discardableResult
    public func verify(
        _ store: Store,
        progress: (Int) throws -> Void = { _ in }
    ) throws -> [ContentKind: UpstreamImportResult.Counts] {
        var checks: [ContentKind: ContentCheck] = [:]
        for kind in kinds { checks[kind] = ContentCheck(store: store, layout: kind.layout) }
        do {
            _ = try readEach(progress) { kind, path, index in try checks[kind]?.compare(path, index) }
            var counts: [ContentKind: UpstreamImportResult.Counts] = [:]
            for kind in kinds { counts[kind] = try checks[kind]?.finish() }
            return counts
        } catch let error as ContentDifference {
            let message = "\(error.text). Keep both sides and report this"
            throw UpstreamError(.verificationFailed, message, path: volume.path)
        }
    }

    /// Part of `survey` and `run`; for callers that prepare something before.
    ///
    /// - Throws: `.unattributed` if a file is none of the owners'.
    public func requireOwners() throws {
        let strangers = volume.files.filter { file in
            guard owners.kind(ofName: file.index) == nil else { return false }
            // Jobs and locks are known by their content.
            guard !owners.workers.isDisjoint(with: [.queue, .cron]), case .sound(let index) = volume.read(file) else {
                return true
            }
            return owners.owner(of: index) == nil
        }
        guard strangers.isEmpty else { throw unattributed(strangers.map(\.name)) }
    }

    private func unattributed(_ names: [String]) -> UpstreamError {
        let more = names.count > 1 ? " and \(names.count - 1) more" : ""
        let workers = owners.names.joined(separator: ", ")
        return UpstreamError(
            .unattributed,
            "\(names.first ?? "")\(more) can't be attributed: this `file_path` is that of \(workers) only, so nothing was "
                + "imported. Name the worker that owns the file with the same path (state, if it is a scope), or move the "
                + "file out of the directory, then start again",
            path: volume.path
        )
    }

    private func readEach(
        _ progress: (Int) throws -> Void,
        _ take: (ContentKind, _ path: [String], UpstreamIndex) throws -> Void
    ) throws -> UpstreamImportResult {
        var result = UpstreamImportResult()
        var done = 0
        for file in files {
            let reading = volume.read(file)
            result.note(reading)
            if let index = reading.index(salvaged: takesSalvage) {
                guard let owner = owners.owner(of: index) else { throw unattributed([file.name]) }
                result.note(index, of: owner, isSalvage: reading.isDamaged)
                if let kind = owner.kind { try take(kind, kind.path(ofIndex: index.name), index) }
            }
            done += file.bytes
            try progress(done)
        }
        return result
    }
}

extension UpstreamReading {
    fileprivate var isDamaged: Bool {
        if case .damaged = self { true } else { false }
    }

    /// Nil: nothing of it is taken.
    fileprivate func index(salvaged: Bool) -> UpstreamIndex? {
        switch self {
        case .sound(let index): index
        case .damaged(let damage): salvaged ? damage.salvage?.index : nil
        }
    }
}
