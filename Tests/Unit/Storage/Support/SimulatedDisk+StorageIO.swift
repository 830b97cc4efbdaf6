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

    func open(_ path: String, _ mode: OpenMode) throws(SystemCallError) -> File {
        try state.withLock { (state) throws(SystemCallError) in
            let isDirect = mode == .updateDirect
            if mode != .create {
                guard !state.isDead else { throw SystemCallError(call: "open", number: EIO, path: path) }
                for index in state.failures.indices where state.failures[index].call == "reopen" {
                    let number = state.failures[index].number
                    if !state.failures[index].repeats { state.failures.remove(at: index) }
                    throw SystemCallError(call: "open", number: number, path: path)
                }
                guard let node = state.liveNames[path] else {
                    throw SystemCallError(call: "open", number: ENOENT, path: path)
                }
                return File(node: node, isDirect: isDirect, path: path)
            }
            let create = { (state: inout State) in
                if let node = state.liveNames[path] {
                    state.nodes[node].live = []
                    state.nodes[node].changes.append(.truncate(0))
                } else {
                    state.nodes.append(Node())
                    state.liveNames[path] = state.nodes.count - 1
                    state.nameChanges.append(.link(path, state.nodes.count - 1))
                }
            }
            try Self.begin(&state, "open", path, effect: create)
            create(&state)
            return File(node: state.liveNames[path] ?? 0, isDirect: false, path: path)
        }
    }

    func close(_ file: File) {}

    func pwrite(_ file: File, _ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemCallError) -> Int {
        try state.withLock { (state) throws(SystemCallError) in
            if file.isDirect {
                precondition(
                    Int(bitPattern: bytes.baseAddress) % 512 == 0 && bytes.count % 512 == 0 && offset % 512 == 0
                )
            }
            let count = state.shortWrites && bytes.count > 512 ? bytes.count / 2 / 512 * 512 : bytes.count
            let change = Change.write(offset, Array(bytes.prefix(count)))
            let write = { (state: inout State) in
                Self.apply(change, &state.nodes[file.node].live)
                state.nodes[file.node].changes.append(change)
            }
            if let capacity = state.capacity {
                let growth = max(0, Int(offset) + count - state.nodes[file.node].live.count)
                let used = state.liveNames.values.reduce(0) { $0 + state.nodes[$1].live.count }
                guard growth == 0 || used + growth <= capacity else {
                    throw SystemCallError(call: "pwrite", number: ENOSPC, path: file.path)
                }
            }
            try Self.begin(&state, "pwrite", file.path, effect: write)
            if file.isDirect && !state.lies.contains(.directWrite) {
                Self.apply(change, &state.nodes[file.node].live)
                Self.apply(change, &state.nodes[file.node].durable)
            } else {
                write(&state)
            }
            return count
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
            state.nodes[file.node].live.withUnsafeBytes { source in
                _ = memcpy(bytes.baseAddress!, source.baseAddress! + Int(offset), count)
            }
            return count
        }
    }

    func fdatasync(_ file: File) throws(SystemCallError) {
        try state.withLock { (state) throws(SystemCallError) in
            try Self.begin(&state, "fdatasync", file.path) { _ in }
            guard !state.lies.contains(.fileSync) else { return }
            state.nodes[file.node].durable = state.nodes[file.node].live
            state.nodes[file.node].changes = []
        }
    }

    func size(_ file: File) throws(SystemCallError) -> UInt64 {
        state.withLock { UInt64($0.nodes[file.node].live.count) }
    }

    func truncate(_ file: File, to bytes: UInt64) throws(SystemCallError) {
        try state.withLock { (state) throws(SystemCallError) in
            let change = { (state: inout State) in
                Self.apply(.truncate(bytes), &state.nodes[file.node].live)
                state.nodes[file.node].changes.append(.truncate(bytes))
            }
            try Self.begin(&state, "ftruncate", file.path, effect: change)
            change(&state)
        }
    }

    func syncDirectory(_ path: String) throws(SystemCallError) {
        try state.withLock { (state) throws(SystemCallError) in
            try Self.begin(&state, "fsync", path) { _ in }
            guard !state.lies.contains(.directorySync),
                let last = state.nameChanges.lastIndex(where: { $0.touches(path) })
            else { return }
            let synced =
                state.namesAreIndependent
                ? state.nameChanges.synced(by: path) : state.nameChanges.indices.map { $0 <= last }
            for (change, isSynced) in zip(state.nameChanges, synced) where isSynced {
                change.apply(&state.durableNames)
            }
            state.nameChanges = zip(state.nameChanges, synced).filter { !$0.1 }.map(\.0)
        }
    }

    /// Directories are not modelled as files: the path stands for one.
    func openDirectory(_ path: String) throws(SystemCallError) -> File { File(node: -1, isDirect: false, path: path) }

    func sync(directory: File) throws(SystemCallError) { try syncDirectory(directory.path) }

    func isLinked(_ file: File) throws(SystemCallError) -> Bool {
        state.withLock { $0.liveNames.values.contains(file.node) }
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
            let effect = { (state: inout State) in
                change.apply(&state.liveNames)
                state.nameChanges.append(change)
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
            guard !state.isDead else { throw SystemCallError(call: "opendir", number: EIO, path: path) }
            return state.liveNames.keys.filter { Self.parent($0) == path }.map { String($0.dropFirst(path.count + 1)) }
        }
    }

    /// Directories are not modelled: they exist.
    func createDirectory(_ path: String) throws(SystemCallError) {
        try state.withLock { (state) throws(SystemCallError) in try Self.begin(&state, "mkdir", path) { _ in } }
    }

    func exists(_ path: String) throws(SystemCallError) -> Bool {
        try state.withLock { (state) throws(SystemCallError) in
            guard !state.isDead else { throw SystemCallError(call: "stat", number: EIO, path: path) }
            return state.liveNames[path] != nil
        }
    }

    func freeBytes(_ path: String) throws(SystemCallError) -> UInt64 {
        state.withLock { state in
            guard let capacity = state.capacity else { return 1 << 30 }
            let used = state.liveNames.values.reduce(0) { $0 + state.nodes[$1].live.count }
            return UInt64(max(0, capacity - used))
        }
    }

    /// A snapshot's commit: the file's whole content, atomically, durable when it returns. Creates the file.
    func replace(_ path: String, with bytes: [UInt8]) throws(SystemCallError) {
        try state.withLock { (state) throws(SystemCallError) in
            let effect = { (state: inout State) in
                if state.liveNames[path] == nil {
                    state.nodes.append(Node())
                    state.liveNames[path] = state.nodes.count - 1
                    state.nameChanges.append(.link(path, state.nodes.count - 1))
                }
                guard let node = state.liveNames[path] else { return }
                state.nodes[node].live = bytes
                state.nodes[node].changes.append(.replace(bytes))
            }
            try Self.begin(&state, "commit", path, effect: effect)
            effect(&state)
            guard !state.lies.contains(.snapshotCommit), let node = state.liveNames[path] else { return }
            state.nodes[node].durable = bytes
            state.nodes[node].changes = []
        }
    }
}
