/// A change of a directory's names on a simulated disk.
enum NameChange {
    case link(String, Int)
    case unlink(String)
    case rename(String, String)

    /// The names that it is about.
    var paths: [String] {
        switch self {
        case .link(let path, _), .unlink(let path): [path]
        case .rename(let from, let to): [from, to]
        }
    }

    func touches(_ directory: String) -> Bool {
        paths.contains { SimulatedDisk.parent($0) == directory }
    }

    func apply(_ names: inout [String: Int]) {
        switch self {
        case .link(let path, let node): names[path] = node
        case .unlink(let path): names[path] = nil
        case .rename(let from, let to):
            if let node = names.removeValue(forKey: from) { names[to] = node }
        }
    }
}

/// A change that a crash can undo.
struct PendingName {
    let change: NameChange
    /// Directories that must be synced before it is durable.
    var unsynced: Set<String>

    init(_ change: NameChange) {
        self.change = change
        unsynced = Set(change.paths.map(SimulatedDisk.parent))
    }
}

/// Which changes of names a sync or a crash keeps. Changes of one name keep their order; a rename is one change.
extension [PendingName] {
    /// Takes out what a directory's sync makes durable: changes that were waiting for it alone, and with them earlier ones of
    /// the same names.
    mutating func sync(_ directory: String) -> [NameChange] {
        var needed: Set<String> = []
        var durable = map { _ in false }
        for index in indices.reversed() {
            self[index].unsynced.remove(directory)
            let paths = self[index].change.paths
            guard self[index].unsynced.isEmpty || paths.contains(where: needed.contains) else { continue }
            needed.formUnion(paths)
            durable[index] = true
        }
        defer { self = zip(self, durable).filter { !$0.1 }.map(\.0) }
        return zip(self, durable).filter(\.1).map(\.0.change)
    }

    /// As a file system with a journal does: everything up to the directory's last change.
    mutating func syncInOrder(_ directory: String) -> [NameChange] {
        guard let last = lastIndex(where: { $0.change.touches(directory) }) else { return [] }
        defer { removeSubrange(...last) }
        return self[...last].map(\.change)
    }

    /// Any subset in which no change lacks an earlier one of the same name.
    func anySubset(_ generator: inout SeededGenerator) -> [Bool] {
        var lost: Set<String> = []
        return map { pending in
            let paths = pending.change.paths
            let isLost = paths.contains(where: lost.contains) || Bool.random(using: &generator)
            if isLost { lost.formUnion(paths) }
            return !isLost
        }
    }
}

extension [String: Int] {
    /// The names that a path leads to: a directory that is gone takes along what was in it.
    var reachable: [String: Int] {
        filter { entry in
            var folder = SimulatedDisk.parent(entry.key)
            while !folder.isEmpty {
                guard self[folder] != nil else { return false }
                folder = SimulatedDisk.parent(folder)
            }
            return true
        }
    }
}
