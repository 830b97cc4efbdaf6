// What each entry does, in two steps: when it begins, and when it has returned.
extension PowerCutImage {
    func beginEntry() throws(DrillError) {
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

    func finishEntry() throws(DrillError) {
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
