import Storage

/// Counts what a worker can read back: it goes the way of the adapters' lists, from the names to each group by its name,
/// and through its entries in their order. One page at a time under the store's lock. Blocks for the disk.
struct ContentCount {
    let store: Store
    let layout: ContentLayout

    /// Groups without entries don't count: no list shows any.
    func run() throws -> UpstreamImportResult.Counts {
        var counts = UpstreamImportResult.Counts()
        try visit(path: [], &counts)
        return counts
    }

    private func visit(path: [String], _ counts: inout UpstreamImportResult.Counts) throws {
        guard path.count < layout.names.count else {
            let entries = try countEntries(of: path)
            counts.groups += entries > 0 ? 1 : 0
            counts.entries += entries
            return
        }
        for name in try names(below: path) { try visit(path: path + [name], &counts) }
    }

    private func names(below path: [String]) throws -> [String] {
        let layout = layout
        return try store.read { view in
            var names: [String] = []
            guard let parent = view.owner(of: path, in: layout) else { return names }
            view.scanNames(in: layout.names[path.count], parent: parent) { _, name in
                names.append(name)
                return true
            }
            return names
        }.wait()
    }

    private func countEntries(of path: [String]) throws -> Int {
        var (count, next): (Int, Bytes?) = (0, [])
        while let from = next {
            let layout = layout
            let page = try store.read { $0.countEntries(of: path, from: from, in: layout) }.wait()
            count += page.rows
            next = page.next
        }
        return count
    }
}

extension RowReader where Self: ~Copyable {
    /// - Parameter from: the key to begin with; empty: the first.
    fileprivate func countEntries(of path: [String], from: Bytes, in layout: ContentLayout) -> (rows: Int, next: Bytes?)
    {
        guard let owner = owner(of: path, in: layout) else { return (0, nil) }
        var rows = 0
        var bytes = 0
        var next: Bytes?
        let start = from.isEmpty ? owner : from
        scan(layout.entries.entries, from: start, upTo: owner.endOfPrefix, reversed: false) { key, row in
            rows += EntryRow.parts(row) == nil ? 0 : 1
            bytes += row.count
            guard rows < ContentCheck.pageRows, bytes < ContentCheck.pageBytes else {
                next = Bytes(key) + [0]
                return false
            }
            return true
        }
        return (rows, next)
    }
}
