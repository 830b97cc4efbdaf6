@testable import Storage

/// Looking at the files behind the store's back, and changing them.
extension SimulatedDisk {
    var paths: [String] { state.withLock { $0.liveNames.keys.sorted() } }

    /// Bytes in all files that have a name.
    var usedBytes: Int {
        state.withLock { state in state.liveNames.values.reduce(0) { $0 + state.nodes[$1].live.count } }
    }

    func contents(_ path: String) -> [UInt8]? {
        state.withLock { state in state.liveNames[path].map { state.nodes[$0].live } }
    }

    /// What a crash could not take away.
    func durableContents(_ path: String) -> [UInt8]? {
        state.withLock { state in state.durableNames[path].map { state.nodes[$0].durable } }
    }

    /// Every file with its bytes.
    var image: [String: [UInt8]] {
        state.withLock { state in state.liveNames.mapValues { state.nodes[$0].live } }
    }

    func overwrite(_ path: String, _ content: [UInt8]) {
        state.withLock { state in
            let node = state.liveNames[path] ?? state.nodes.count
            if node == state.nodes.count { state.nodes.append(Node()) }
            state.nodes[node] = Node(durable: content, live: content)
            state.liveNames[path] = node
            state.durableNames[path] = node
        }
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
