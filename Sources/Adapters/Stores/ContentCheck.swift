import Storage

/// The first difference between what was written and what was to be written.
struct ContentDifference: Error {
    let text: String
}

/// Compares whole groups with those of an open store, one page at a time under the store's lock. Blocks for the disk.
struct ContentCheck {
    /// Entries and bytes compared, or rows counted, in one read.
    static let pageRows = 2000
    static let pageBytes = 1 << 20

    let store: Store
    let layout: ContentLayout
    /// What was compared: entries, and the names of each level.
    private var entries = 0
    private var names: [Int]
    private var path: [String] = []

    init(store: Store, layout: ContentLayout) {
        self.store = store
        self.layout = layout
        names = Array(repeating: 0, count: layout.names.count)
    }

    /// Each entry is found by path and key, has its place in the order and its value. A group without entries must not be
    /// there: `finish` notices.
    mutating func compare(_ path: [String], _ index: UpstreamIndex) throws {
        guard !index.isEmpty else { return }
        var position = 0
        while position < index.count {
            let start = position
            let layout = layout
            position = try store.read { view -> Result<Int, ContentDifference> in
                Result { () throws(ContentDifference) in try view.compare(path, index, from: start, in: layout) }
            }.wait().get()
        }
        entries += index.count
        let known = zip(self.path, path).prefix { $0.utf8.elementsEqual($1.utf8) }.count
        for level in known..<path.count { names[level] += 1 }
        self.path = path
    }

    /// The store has nothing else, and lists all of it.
    ///
    /// - Returns: groups and entries as the worker's lists find them.
    func finish() throws -> UpstreamImportResult.Counts {
        for (tables, expected) in zip(layout.names, names) {
            try requireRows(expected, in: tables.ids)
            try requireRows(expected, in: tables.names)
        }
        try requireRows(entries, in: layout.entries.keys)
        try requireRows(entries, in: layout.entries.entries)
        let listed = try ContentCount(store: store, layout: layout).run()
        guard listed.groups == names.last, listed.entries == entries else {
            throw ContentDifference(
                text: "the store lists \(listed.groups) groups with \(listed.entries) entries, expected are "
                    + "\(names.last ?? 0) with \(entries)"
            )
        }
        return listed
    }

    private func requireRows(_ expected: Int, in table: TableID) throws {
        var (count, next): (Int, Bytes?) = (0, [])
        while let from = next {
            let page = try store.read { $0.countPage(of: table, from: from) }.wait()
            count += page.rows
            next = page.next
        }
        guard count == expected else {
            throw ContentDifference(text: "table \(table.rawValue) has \(count) rows, expected are \(expected)")
        }
    }
}

extension RowReader where Self: ~Copyable {
    /// Compares one page of entries; returns the position behind it.
    fileprivate func compare(
        _ path: [String],
        _ index: UpstreamIndex,
        from start: Int,
        in layout: ContentLayout
    ) throws(ContentDifference) -> Int {
        guard let owner = owner(of: path, in: layout) else {
            throw ContentDifference(text: "\(index.name.debugDescription) isn't in the store")
        }
        var position = start
        var bytes = 0
        while position < index.count, position - start < ContentCheck.pageRows, bytes < ContentCheck.pageBytes {
            let entry = index[position]
            let id = UInt64(position) + 1
            guard entryID(entry.key, owner: owner, in: layout.entries) == id,
                let row = get(layout.entries.entries, key: layout.entries.entryKey(id, owner: owner)),
                let parts = EntryRow.parts(row), parts.key.elementsEqual(entry.key.utf8),
                parts.json.elementsEqual(entry.value)
            else {
                throw ContentDifference(
                    text: "entry \(position) of \(index.name.debugDescription), \(entry.key.debugDescription), "
                        + "isn't in the store at this place with this value"
                )
            }
            position += 1
            bytes += row.count
        }
        return position
    }

    fileprivate func countPage(of table: TableID, from: Bytes) -> (rows: Int, next: Bytes?) {
        var (rows, bytes): (Int, Int) = (0, 0)
        var last: Bytes?
        scan(table, from: from, upTo: nil, reversed: false) { key, value in
            rows += 1
            bytes += value.count
            guard rows < ContentCheck.pageRows, bytes < ContentCheck.pageBytes else {
                last = Bytes(key) + [0]
                return false
            }
            return true
        }
        return (rows, last)
    }
}
