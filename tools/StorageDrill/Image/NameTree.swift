/// A directory: the names that are durable, and those that the process sees.
final class DirectoryNode {
    var durable: [String: Node] = [:]
    var live: [String: Node] = [:]
}

enum Node {
    case file(FileNode)
    case directory(DirectoryNode)

    var identity: ObjectIdentifier {
        switch self {
        case .file(let file): ObjectIdentifier(file)
        case .directory(let directory): ObjectIdentifier(directory)
        }
    }
}

/// One creation, renaming or removal: atomic, in one directory or two.
struct NameChange {
    enum Effect {
        case put(DirectoryNode, String, Node)
        case remove(DirectoryNode, String, Node)

        var directory: DirectoryNode {
            switch self {
            case .put(let directory, _, _), .remove(let directory, _, _): directory
            }
        }

        /// A removal takes away only what it was meant for: without the change before it that may not be there.
        func apply(to names: inout [String: Node]) {
            switch self {
            case .put(_, let name, let node): names[name] = node
            case .remove(_, let name, let node):
                if names[name]?.identity == node.identity { names[name] = nil }
            }
        }
    }

    var entry: Int
    var effects: [Effect]

    func touches(_ directories: Set<ObjectIdentifier>) -> Bool {
        effects.contains { directories.contains(ObjectIdentifier($0.directory)) }
    }
}

/// All names below the root.
struct NameTree {
    let root = DirectoryNode()
    private(set) var pending: [NameChange] = []

    /// "" is the root.
    func node(at path: String) -> Node? {
        var node = Node.directory(root)
        for part in path.split(separator: "/") {
            guard case .directory(let directory) = node, let next = directory.live[String(part)] else { return nil }
            node = next
        }
        return node
    }

    /// The directory that a path's last part is in.
    func place(of path: String) throws(DrillError) -> (directory: DirectoryNode, name: String) {
        let parts = path.split(separator: "/")
        guard let last = parts.last, case .directory(let directory) = node(at: parts.dropLast().joined(separator: "/"))
        else { throw DrillError("the journal names a path in a directory that it has not seen", path: path) }
        return (directory, String(last))
    }

    mutating func change(_ effects: [NameChange.Effect], entry: Int) {
        for effect in effects { effect.apply(to: &effect.directory.live) }
        pending.append(NameChange(entry: entry, effects: effects))
    }

    /// A directory's sync that began at entry `begin` has returned. With a change that reaches into a second directory
    /// everything older there is durable too, as with any ordered journal.
    mutating func sync(_ directory: DirectoryNode, begunAt begin: Int) {
        var directories: Set<ObjectIdentifier> = [ObjectIdentifier(directory)]
        var isDurable = [Bool](repeating: false, count: pending.count)
        for index in pending.indices.reversed() where pending[index].entry < begin {
            guard pending[index].touches(directories) else { continue }
            isDurable[index] = true
            directories.formUnion(pending[index].effects.map { ObjectIdentifier($0.directory) })
        }
        for index in pending.indices where isDurable[index] {
            for effect in pending[index].effects { effect.apply(to: &effect.directory.durable) }
        }
        pending = pending.indices.filter { !isDurable[$0] }.map { pending[$0] }
    }

    /// The names of every directory after a power cut, where they differ from the durable ones.
    func names(after loss: Loss, _ generator: inout SeededGenerator) -> [ObjectIdentifier: [String: Node]] {
        var names: [ObjectIdentifier: [String: Node]] = [:]
        for change in surviving(loss, &generator) {
            for effect in change.effects {
                effect.apply(to: &names[ObjectIdentifier(effect.directory), default: effect.directory.durable])
            }
        }
        return names
    }

    private func surviving(_ loss: Loss, _ generator: inout SeededGenerator) -> [NameChange] {
        switch loss {
        case .keepAll: return pending
        case .dropAll: return []
        case .random(_, .anySubset): return pending.filter { _ in Bool.random(using: &generator) }
        case .random(_, .prefix): return prefixes(&generator)
        }
    }

    /// In each directory everything up to a random change. One that spans two survives only where both get that far, and
    /// ends both if not.
    private func prefixes(_ generator: inout SeededGenerator) -> [NameChange] {
        var counts: [ObjectIdentifier: Int] = [:]
        for change in pending {
            for id in Set(change.effects.map { ObjectIdentifier($0.directory) }) { counts[id, default: 0] += 1 }
        }
        var left: [ObjectIdentifier: Int] = [:]
        return pending.filter { change in
            let directories = Set(change.effects.map { ObjectIdentifier($0.directory) })
            for effect in change.effects where left[ObjectIdentifier(effect.directory)] == nil {
                let id = ObjectIdentifier(effect.directory)
                left[id] = Int.random(in: 0...(counts[id] ?? 0), using: &generator)
            }
            let survives = directories.allSatisfy { left[$0, default: 0] > 0 }
            for id in directories { left[id] = survives ? left[id, default: 0] - 1 : 0 }
            return survives
        }
    }
}
