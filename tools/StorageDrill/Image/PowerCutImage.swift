/// Makes directories as they would be found if the power had failed while the recorded process ran (ALICE-style).
///
/// Fault model. A write is durable when its file was synced after it returned, or when it returned from an O_DSYNC
/// descriptor. A change of names is durable when a sync of the directory that began after it has returned; a file's sync
/// does not make its name durable. Everything else is kept, dropped or torn as the `Loss` says. The call under way counts
/// as begun and not durable. Nothing durable ever changes.
///
/// Walks the journal once, forwards: ask for rising positions. Not thread-safe.
public final class PowerCutImage {
    /// Entry during which the power fails; the entries' count: after the last.
    public private(set) var position = 0
    /// The highest mark before `position`.
    public private(set) var acknowledged: UInt64 = 0

    let journal: Journal
    private var names = NameTree()
    /// The running process' node numbers. Weak: a removed file's bytes may go when no name can bring them back.
    private var nodes: [UInt64: Binding] = [:]
    /// The entry at `position` has been begun.
    private var hasBegun = false

    private enum Binding {
        case file(WeakFile)
        case directory(DirectoryNode)
    }

    private final class WeakFile {
        weak var node: FileNode?

        init(_ node: FileNode) {
            self.node = node
        }
    }

    /// `base`: a copy of what was below the root when the recording started; it counts as durable.
    public init(journal: Journal, base: String? = nil) throws(DrillError) {
        self.journal = journal
        if let base { try Self.load(base, into: names.root) }
        try beginEntry()
    }

    private static func load(_ path: String, into directory: DirectoryNode) throws(DrillError) {
        for name in try DrillFiles.list(path) {
            let whole = path + "/" + name
            switch DrillFiles.kind(of: whole) {
            case .directory:
                let node = DirectoryNode()
                try load(whole, into: node)
                directory.durable[name] = .directory(node)
            case .file: directory.durable[name] = .file(FileNode(try FileContent(readingFile: whole)))
            default: throw DrillError("neither a file nor a directory: leave it out of the base", path: whole)
            }
        }
        directory.live = directory.durable
    }

    /// Lets everything before entry `target` return, and begins that one.
    public func advance(to target: Int) throws(DrillError) {
        precondition(target >= position && target <= journal.entries.count, "positions rise, up to the journal's end")
        while position < target {
            try finishEntry()
            position += 1
            hasBegun = false
            try beginEntry()
        }
    }

    /// Writes the files into a new directory.
    public func build(_ loss: Loss, into directory: String) throws(DrillError) {
        var generator = SeededGenerator(seed: 0)
        if case .random(let seed, _) = loss { generator = SeededGenerator(seed: seed, UInt64(position)) }
        let found = names.names(after: loss, &generator)
        try DrillFiles.createDirectory(directory)
        try save(names.root, found, loss, &generator, into: directory)
    }

    /// Names in order: the same seed gives the same image.
    private func save(
        _ node: DirectoryNode,
        _ found: [ObjectIdentifier: [String: Node]],
        _ loss: Loss,
        _ generator: inout SeededGenerator,
        into path: String
    ) throws(DrillError) {
        let children = found[ObjectIdentifier(node)] ?? node.durable
        for (name, child) in children.sorted(by: { $0.key < $1.key }) {
            let whole = path + "/" + name
            switch child {
            case .file(let file): try file.content(after: loss, &generator, journal).save(whole)
            case .directory(let directory):
                try DrillFiles.createDirectory(whole)
                try save(directory, found, loss, &generator, into: whole)
            }
        }
    }

    /// Where the files as the process saw them differ from a real directory: what the recorder missed. Paths that end in
    /// one of `ignoring` are left out.
    public func differences(from directory: String, ignoring: [String] = []) throws(DrillError) -> [String] {
        var found: [String] = []
        try compare(names.root, directory, "", ignoring, &found)
        return found
    }

    private func compare(
        _ node: DirectoryNode,
        _ root: String,
        _ path: String,
        _ ignoring: [String],
        _ found: inout [String]
    ) throws(DrillError) {
        let real = Set(try DrillFiles.list(root + path))
        for name in real.union(node.live.keys).sorted() where !ignoring.contains(where: { name.hasSuffix($0) }) {
            let whole = path + "/" + name
            switch (node.live[name], DrillFiles.kind(of: root + whole)) {
            case (nil, _): found.append("\(whole) is there, but not in the journal")
            case (.directory(let child), .directory): try compare(child, root, whole, ignoring, &found)
            case (.file(let file), .file):
                var generator = SeededGenerator(seed: 0)
                let content = file.content(after: .keepAll, &generator, journal)
                if let offset = try content.firstDifference(fromFile: root + whole) {
                    found.append("\(whole) differs from the journal at offset \(offset)")
                }
            default: found.append("\(whole) is in the journal, but not there")
            }
        }
    }
}

// What each entry does, in two steps: when it begins, and when it has returned.
extension PowerCutImage {
    private func beginEntry() throws(DrillError) {
        guard position < journal.entries.count, !hasBegun else { return }
        hasBegun = true
        let entry = journal.entries[position]
        switch entry.kind {
        case .open: try open(entry)
        case .write:
            let source = entry.flags.contains(.zeros) ? nil : entry.data.lowerBound
            let written = WrittenBytes(offset: entry.value, count: entry.length, source: source)
            try file(entry)?.begin(.write(written), entry: position)
        case .truncate: try file(entry)?.begin(.truncate(entry.value), entry: position)
        case .allocate: try allocate(entry)
        case .rename: try rename(entry)
        case .link:
            guard let node = names.node(at: entry.path) else { throw unknown(entry) }
            let place = try names.place(of: entry.target)
            names.change([.put(place.directory, place.name, node)], entry: position)
        case .unlink, .removeDirectory:
            let place = try names.place(of: entry.path)
            guard let node = place.directory.live[place.name] else { throw unknown(entry) }
            names.change([.remove(place.directory, place.name, node)], entry: position)
        case .makeDirectory:
            let place = try names.place(of: entry.path)
            names.change([.put(place.directory, place.name, .directory(DirectoryNode()))], entry: position)
        case .begin, .writeEnd, .syncBegin, .syncEnd, .syncRange, .mark, .stopped: break
        }
    }

    private func finishEntry() throws(DrillError) {
        let entry = journal.entries[position]
        switch entry.kind {
        case .write where entry.flags.contains(.inProgress): break
        case .open, .write, .truncate, .allocate: try file(entry)?.complete(entry: position, at: position)
        case .writeEnd: try finishWrite(entry)
        case .syncEnd: try finishSync(entry)
        case .mark: acknowledged = max(acknowledged, entry.value)
        case .begin: startProcess()
        default: break
        }
    }

    private func startProcess() {
        for case .file(let reference) in nodes.values { reference.node?.completeAll(at: position) }
        nodes = [:]
    }

    private func open(_ entry: JournalEntry) throws(DrillError) {
        if entry.flags.contains(.created) {
            let node = FileNode()
            let place = try names.place(of: entry.path)
            names.change([.put(place.directory, place.name, .file(node))], entry: position)
            nodes[entry.node] = .file(WeakFile(node))
            return
        }
        switch names.node(at: entry.path) {
        case nil: throw unknown(entry)
        case .directory(let directory): nodes[entry.node] = .directory(directory)
        case .file(let node):
            nodes[entry.node] = .file(WeakFile(node))
            if entry.flags.contains(.truncated) { node.begin(.truncate(0), entry: position) }
        }
    }

    private func allocate(_ entry: JournalEntry) throws(DrillError) {
        let (keepSize, punchHole, zeroRange) = (UInt64(1), UInt64(2), UInt64(16))
        guard let node = try file(entry) else { return }
        let end = entry.value + entry.length
        if entry.mode & (punchHole | zeroRange) != 0 {
            let last = entry.mode & keepSize != 0 ? min(end, max(entry.value, node.liveSize)) : end
            let zeros = WrittenBytes(offset: entry.value, count: last - entry.value, source: nil)
            if zeros.count > 0 { node.begin(.write(zeros), entry: position) }
        } else if entry.mode & keepSize == 0, end > node.liveSize {
            node.begin(.grow(end), entry: position)
        }
    }

    private func rename(_ entry: JournalEntry) throws(DrillError) {
        let exchange: UInt64 = 2
        let from = try names.place(of: entry.path)
        let to = try names.place(of: entry.target)
        guard let node = from.directory.live[from.name] else { throw unknown(entry) }
        if let other = to.directory.live[to.name] {
            // Two names of one file: the call does nothing.
            if other.identity == node.identity { return }
            if entry.mode & exchange != 0 {
                let effects = [
                    NameChange.Effect.put(from.directory, from.name, other), .put(to.directory, to.name, node),
                ]
                return names.change(effects, entry: position)
            }
        }
        names.change(
            [.remove(from.directory, from.name, node), .put(to.directory, to.name, node)],
            entry: position
        )
    }

    private func finishWrite(_ entry: JournalEntry) throws(DrillError) {
        guard let begin = journal.counterparts[position] else { return }
        guard let node = try file(journal.entries[begin]) else { return }
        let count = UInt64(max(0, entry.result))
        node.durableWriteReturned(entry: begin, count: count, journal: journal)
    }

    private func finishSync(_ entry: JournalEntry) throws(DrillError) {
        guard entry.result == 0, let begin = journal.counterparts[position] else { return }
        switch nodes[journal.entries[begin].node] {
        case nil: throw unknown(journal.entries[begin])
        case .file(let reference): reference.node?.sync(begunAt: begin, journal: journal)
        case .directory(let directory): names.sync(directory, begunAt: begin)
        }
    }

    /// nil: a directory, or a removed file whose bytes nothing can bring back.
    private func file(_ entry: JournalEntry) throws(DrillError) -> FileNode? {
        switch nodes[entry.node] {
        case nil: throw unknown(entry)
        case .directory: return nil
        case .file(let reference): return reference.node
        }
    }

    private func unknown(_ entry: JournalEntry) -> DrillError {
        DrillError(
            "entry \(position) (\(entry)) is about a file that the journal has not seen: start from an empty directory, or give a base"
        )
    }
}
