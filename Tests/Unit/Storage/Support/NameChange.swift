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

/// Which changes of names a sync or a crash keeps. Changes of one name keep their order; a rename is one change.
extension [NameChange] {
    /// What a sync of the directory makes durable: its own changes and the earlier ones of the same names.
    func synced(by directory: String) -> [Bool] {
        var needed: Set<String> = []
        var chosen = map { _ in false }
        for index in indices.reversed() {
            let change = self[index]
            guard change.touches(directory) || change.paths.contains(where: needed.contains) else { continue }
            needed.formUnion(change.paths)
            chosen[index] = true
        }
        return chosen
    }

    /// Any subset in which no change lacks an earlier one of the same name.
    func anySubset(_ generator: inout SeededGenerator) -> [Bool] {
        var lost: Set<String> = []
        return map { change in
            let isLost = change.paths.contains(where: lost.contains) || Bool.random(using: &generator)
            if isLost { lost.formUnion(change.paths) }
            return !isLost
        }
    }
}
