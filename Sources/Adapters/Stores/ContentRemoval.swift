import Storage

/// Removes everything of one kind from a store, in pieces that bound the memory of a checkpoint. Blocks for the disk.
struct ContentRemoval {
    /// Rows and bytes that one transaction removes.
    static let pieceRows = 4096
    static let pieceBytes = 1 << 20
    /// Pieces between two checkpoints.
    static let piecesPerCheckpoint = 32

    let store: Store
    let layout: ContentLayout

    /// Entries first, names last: what is left of an interrupted removal is still found by its names.
    func run() throws {
        var pieces = 0
        for table in layout.tables.reversed() {
            while let last = try lastKeyOfPiece(table) {
                if store.isSaturated { store.waitUntilUnsaturated() }
                try store.commit { $0.trim(table, from: [], upTo: last + [0]) }.wait()
                pieces += 1
                if pieces.isMultiple(of: Self.piecesPerCheckpoint) { try store.checkpoint() }
            }
        }
        // What it took is free for what comes next.
        if pieces > 0 { try store.checkpoint() }
    }

    private func lastKeyOfPiece(_ table: TableID) throws -> Bytes? {
        try store.read { view in
            var (last, rows, bytes): (Bytes?, Int, Int) = (nil, 0, 0)
            view.scan(table, from: nil, upTo: nil) { key, value in
                rows += 1
                bytes += key.count + value.count
                guard rows < Self.pieceRows, bytes < Self.pieceBytes else {
                    last = Bytes(key)
                    return false
                }
                last = Bytes(key)
                return true
            }
            return last
        }.wait()
    }
}
