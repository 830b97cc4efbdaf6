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
    public internal(set) var acknowledged: UInt64 = 0

    let journal: Journal
    var names = NameTree()
    /// The running process' node numbers. Weak: a removed file's bytes may go when no name can bring them back.
    var nodes: [UInt64: Binding] = [:]
    /// The entry at `position` has been begun.
    var hasBegun = false

    enum Binding {
        case file(WeakFile)
        case directory(DirectoryNode)
    }

    final class WeakFile {
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
