import Glibc
import Synchronization

@testable import Storage

/// The calls of the storage engine, and a snapshot's commit.
extension SimulatedDisk: StorageIO {
    /// Counts a changing call; the one that the power goes at takes effect, not durably, and fails.
    private static func begin(_ state: inout State, _ call: String, _ path: String, effect: (inout State) -> Void)
        throws(SystemCallError)
    {
        guard !state.isDead else { throw SystemCallError(call: call, number: EIO, path: path) }
        for index in state.failures.indices where state.failures[index].call == call {
            if state.failures[index].countdown > 0 {
                state.failures[index].countdown -= 1
                continue
            }
            let failure = state.failures[index]
            if !failure.repeats { state.failures.remove(at: index) }
            if let clock = failure.delay {
                clock.advance(by: 2_000_000_000)
                break
            }
            throw SystemCallError(call: call, number: failure.number, path: path)
        }
        defer { state.calls += 1 }
        if state.crashAt == state.calls {
            effect(&state)
            state.isDead = true
            throw SystemCallError(call: call, number: EIO, path: path)
        }
    }

    /// For what a failed call leaves: the same for the same calls.
    private static func chance(_ state: State) -> SeededGenerator { SeededGenerator(seed: UInt64(state.calls) &+ 1) }

    func open(_ path: String, _ mode: OpenMode) throws(SystemCallError) -> File {
        try state.withLock { (state) throws(SystemCallError) in
            if mode != .create { return try Self.openExisting(&state, path, mode) }
            try Self.requireParent(state, "open", path)
            let create = { (state: inout State) in
                if let node = state.liveNames[path] {
                    state.nodes[node].live = []
                    state.nodes[node].changes.append(.truncate(0))
                } else {
                    Self.link(&state, path, SimulatedNode())
                }
            }
            try Self.begin(&state, "open", path, effect: create)
            create(&state)
            return File(node: state.liveNames[path] ?? 0, isDirect: false, path: path)
        }
    }

    private static func openExisting(_ state: inout State, _ path: String, _ mode: OpenMode) throws(SystemCallError)
        -> File
    {
        guard !state.isDead else { throw SystemCallError(call: "open", number: EIO, path: path) }
        for index in state.failures.indices where state.failures[index].call == "reopen" {
            let number = state.failures[index].number
            if !state.failures[index].repeats { state.failures.remove(at: index) }
            throw SystemCallError(call: "open", number: number, path: path)
        }
        guard let node = state.liveNames[path] else {
            throw SystemCallError(call: "open", number: ENOENT, path: path)
        }
        return File(node: node, isDirect: mode == .updateDirect, path: path, readsDevice: mode == .readDevice)
    }

    private static func link(_ state: inout State, _ path: String, _ node: SimulatedNode) {
        state.nodes.append(node)
        state.liveNames[path] = state.nodes.count - 1
        state.nameChanges.append(PendingName(.link(path, state.nodes.count - 1)))
    }

    private static func requireParent(_ state: State, _ call: String, _ path: String) throws(SystemCallError) {
        let folder = parent(path)
        guard state.isDead || folder.isEmpty || state.liveNames[folder] != nil else {
            throw SystemCallError(call: call, number: ENOENT, path: path)
        }
    }

    func close(_ file: File) {}

    func pwrite(_ file: File, _ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemCallError) -> Int {
        try state.withLock { (state) throws(SystemCallError) in
            if file.isDirect {
                guard !state.refusesDirectWrites else {
                    throw SystemCallError(call: "pwrite", number: EINVAL, path: file.path)
                }
                precondition(
                    Int(bitPattern: bytes.baseAddress) % 512 == 0 && bytes.count % 512 == 0 && offset % 512 == 0
                )
            }
            let count = state.shortWrites && bytes.count > 512 ? bytes.count / 2 / 512 * 512 : bytes.count
            let change = SimulatedNode.Change.write(offset, Array(bytes.prefix(count)))
            let write = { (state: inout State) in state.nodes[file.node].write(change) }
            try Self.requireRoom(state, "pwrite", file.path, state.nodes[file.node], upTo: Int(offset) + count)
            do throws(SystemCallError) {
                try Self.begin(&state, "pwrite", file.path, effect: write)
            } catch {
                if file.isDirect, !state.isDead, error.number != EINTR {
                    var generator = Self.chance(state)
                    state.nodes[file.node].failToWriteDurably(change, &generator)
                }
                throw error
            }
            if state.remembersPages { state.nodes[file.node].remember(change) }
            if file.isDirect && !state.lies.contains(.directWrite) {
                state.nodes[file.node].writeDurably(change)
            } else {
                write(&state)
            }
            return count
        }
    }

    private static func requireRoom(
        _ state: State,
        _ call: String,
        _ path: String,
        _ node: SimulatedNode,
        upTo end: Int
    )
        throws(SystemCallError)
    {
        guard let capacity = state.capacity, end > node.live.count else { return }
        guard state.usedBytes + end - node.live.count <= capacity else {
            throw SystemCallError(call: call, number: ENOSPC, path: path)
        }
    }

    func pread(_ file: File, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemCallError)
        -> Int
    {
        try state.withLock { (state) throws(SystemCallError) in
            for index in state.failures.indices where state.failures[index].call == "pread" {
                let number = state.failures[index].number
                if !state.failures[index].repeats { state.failures.remove(at: index) }
                throw SystemCallError(call: "pread", number: number, path: file.path)
            }
            guard !state.isDead else { throw SystemCallError(call: "pread", number: EIO, path: file.path) }
            let size = state.nodes[file.node].live.count
            guard Int(offset) < size else { return 0 }
            let count = min(bytes.count, size - Int(offset))
            let content = file.readsDevice ? state.nodes[file.node].onDevice : state.nodes[file.node].live
            content.withUnsafeBytes { source in
                _ = memcpy(bytes.baseAddress!, source.baseAddress! + Int(offset), count)
            }
            return count
        }
    }

    func fdatasync(_ file: File) throws(SystemCallError) {
        try state.withLock { (state) throws(SystemCallError) in
            do throws(SystemCallError) {
                try Self.begin(&state, "fdatasync", file.path) { _ in }
            } catch {
                var generator = Self.chance(state)
                if !state.isDead { state.nodes[file.node].failToSync(&generator) }
                throw error
            }
            if !state.lies.contains(.fileSync) { state.nodes[file.node].sync() }
        }
    }

    func size(_ file: File) throws(SystemCallError) -> UInt64 {
        state.withLock { UInt64($0.nodes[file.node].live.count) }
    }

    func truncate(_ file: File, to bytes: UInt64) throws(SystemCallError) {
        try state.withLock { (state) throws(SystemCallError) in
            let change = { (state: inout State) in state.nodes[file.node].write(.truncate(bytes)) }
            try Self.begin(&state, "ftruncate", file.path, effect: change)
            change(&state)
        }
    }

    func syncDirectory(_ path: String) throws(SystemCallError) {
        let folder = path == "/" ? "" : path
        try state.withLock { (state) throws(SystemCallError) in
            guard state.isDead || folder.isEmpty || state.liveNames[folder] != nil else {
                throw SystemCallError(call: "open", number: ENOENT, path: path)
            }
            try Self.begin(&state, "fsync", path) { _ in }
            guard !state.lies.contains(.directorySync) else { return }
            let durable =
                state.namesAreIndependent
                ? state.nameChanges.sync(folder) : state.nameChanges.syncInOrder(folder)
            for change in durable { change.apply(&state.durableNames) }
        }
    }

    func openDirectory(_ path: String) throws(SystemCallError) -> File {
        try state.withLock { (state) throws(SystemCallError) in
            guard !state.isDead, let node = state.liveNames[path] else {
                throw SystemCallError(call: "open", number: state.isDead ? EIO : ENOENT, path: path)
            }
            return File(node: node, isDirect: false, path: path)
        }
    }

    func sync(directory: File) throws(SystemCallError) { try syncDirectory(directory.path) }

    func linkCount(_ file: File) throws(SystemCallError) -> UInt64 {
        state.withLock { $0.liveNames.values.contains(file.node) ? 1 : 0 }
    }

    func renameNew(_ path: String, to target: String) throws(SystemCallError) {
        guard !state.withLock({ $0.liveNames[target] != nil && !$0.isDead }) else {
            throw SystemCallError(call: "rename", number: EEXIST, path: target)
        }
        try rename(path, to: target)
    }

    private func changeName(_ call: String, _ path: String, _ change: NameChange) throws(SystemCallError) {
        try state.withLock { (state) throws(SystemCallError) in
            guard state.liveNames[path] != nil || state.isDead else {
                throw SystemCallError(call: call, number: ENOENT, path: path)
            }
            for name in change.paths { try Self.requireParent(state, call, name) }
            let effect = { (state: inout State) in
                change.apply(&state.liveNames)
                state.nameChanges.append(PendingName(change))
            }
            try Self.begin(&state, call, path, effect: effect)
            effect(&state)
        }
    }

    func rename(_ path: String, to target: String) throws(SystemCallError) {
        try changeName("rename", path, .rename(path, target))
    }

    func unlink(_ path: String) throws(SystemCallError) {
        try changeName("unlink", path, .unlink(path))
    }

    func list(_ path: String) throws(SystemCallError) -> [String] {
        try state.withLock { (state) throws(SystemCallError) in
            guard !state.isDead, state.liveNames[path] != nil else {
                throw SystemCallError(call: "opendir", number: state.isDead ? EIO : ENOENT, path: path)
            }
            return state.liveNames.keys.filter { Self.parent($0) == path }.map { String($0.dropFirst(path.count + 1)) }
        }
    }

    func createDirectory(_ path: String) throws(SystemCallError) {
        try state.withLock { (state) throws(SystemCallError) in
            let create = { (state: inout State) in
                if state.liveNames[path] == nil { Self.link(&state, path, .directory) }
            }
            if state.liveNames[path] == nil {
                try Self.requireParent(state, "mkdir", path)
                guard state.usedBytes + LogLimits.blockBytes <= state.capacity ?? .max else {
                    throw SystemCallError(call: "mkdir", number: ENOSPC, path: path)
                }
            }
            try Self.begin(&state, "mkdir", path, effect: create)
            create(&state)
        }
    }

    func exists(_ path: String) throws(SystemCallError) -> Bool {
        try state.withLock { (state) throws(SystemCallError) in
            guard !state.isDead else { throw SystemCallError(call: "stat", number: EIO, path: path) }
            return state.liveNames[path] != nil
        }
    }

    func freeBytes(_ path: String) throws(SystemCallError) -> UInt64 {
        state.withLock { state in
            state.capacity.map { UInt64(max(0, $0 - state.usedBytes)) } ?? 1 << 30
        }
    }

    /// A snapshot's commit: the file's whole content, atomically, durable when it returns. Creates the file.
    ///
    /// When it fails the cache shows the old content: LMDB writes its old meta page back. The device may have the new one
    /// until that is synced.
    func replace(_ path: String, with bytes: [UInt8]) throws(SystemCallError) {
        try state.withLock { (state) throws(SystemCallError) in
            try Self.requireParent(state, "commit", path)
            let old = state.liveNames[path].map { state.nodes[$0] } ?? SimulatedNode()
            try Self.requireRoom(state, "commit", path, old, upTo: bytes.count)
            let effect = { (state: inout State) in
                if state.liveNames[path] == nil { Self.link(&state, path, SimulatedNode()) }
                guard let node = state.liveNames[path] else { return }
                state.nodes[node].write(.replace(bytes))
            }
            do throws(SystemCallError) {
                try Self.begin(&state, "commit", path, effect: effect)
            } catch {
                if !state.isDead, error.number == EIO, let node = state.liveNames[path] {
                    state.nodes[node].changes += [.replace(bytes), .replace(old.live)]
                }
                throw error
            }
            if state.remembersPages, let node = state.liveNames[path] { state.nodes[node].remember(.replace(bytes)) }
            effect(&state)
            guard !state.lies.contains(.snapshotCommit), let node = state.liveNames[path] else { return }
            state.nodes[node].sync()
        }
    }
}

extension SimulatedDisk.State {
    /// Bytes of all that has a name.
    var usedBytes: Int {
        liveNames.values.reduce(0) { $0 + (nodes[$1].isDirectory ? LogLimits.blockBytes : nodes[$1].live.count) }
    }
}
