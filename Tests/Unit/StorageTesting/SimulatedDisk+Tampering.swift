@testable import Storage

/// Looking at the files behind the store's back, and changing them.
extension SimulatedDisk {
    /// Files, not directories.
    var paths: [String] { image.keys.sorted() }

    /// Bytes of all that has a name.
    var usedBytes: Int { state.withLock { $0.usedBytes } }

    func contents(_ path: String) -> [UInt8]? {
        state.withLock { state in
            state.liveNames[path].flatMap { state.nodes[$0].isDirectory ? nil : state.nodes[$0].live }
        }
    }

    /// What stands in the file's pages before their last change, by offset; empty unless `rememberPages`.
    func olderPages(_ path: String) -> [Int: [UInt8]] {
        state.withLock { state in state.liveNames[path].map { state.nodes[$0].older } ?? [:] }
    }

    /// What a crash could not take away.
    func durableContents(_ path: String) -> [UInt8]? {
        state.withLock { state in state.durableNames[path].map { state.nodes[$0].durable } }
    }

    /// Every file with its bytes.
    var image: [String: [UInt8]] {
        state.withLock { state in
            state.liveNames.filter { !state.nodes[$0.value].isDirectory }.mapValues { state.nodes[$0].live }
        }
    }

    func overwrite(_ path: String, _ content: [UInt8]) {
        state.withLock { state in
            Self.addFolders(of: path, &state)
            let node = state.liveNames[path] ?? state.nodes.count
            if node == state.nodes.count { state.nodes.append(SimulatedNode()) }
            state.nodes[node] = SimulatedNode(durable: content, live: content)
            state.liveNames[path] = node
            state.durableNames[path] = node
        }
    }

    private static func addFolders(of path: String, _ state: inout State) {
        let folder = parent(path)
        guard !folder.isEmpty else { return }
        addFolders(of: folder, &state)
        let node = state.liveNames[folder] ?? state.nodes.count
        if node == state.nodes.count { state.nodes.append(.directory) }
        state.liveNames[folder] = node
        state.durableNames[folder] = node
    }

    func change(_ path: String, _ body: (inout [UInt8]) -> Void) {
        var content = contents(path) ?? []
        body(&content)
        overwrite(path, content)
    }

    func flip(_ path: String, bit: Int) {
        change(path) { $0[bit / 8] ^= 1 << UInt8(bit % 8) }
    }

    func remove(_ path: String) {
        state.withLock { state in
            state.liveNames[path] = nil
            state.durableNames[path] = nil
        }
    }
}
