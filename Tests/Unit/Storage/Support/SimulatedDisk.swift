import Glibc
import Synchronization

@testable import Storage

/// A disk in memory that can lose power.
///
/// Fault model. A write is durable when its file was synced after it, or when it returned from a direct (O_DSYNC) file.
/// A name (creation, rename, removal) is durable when a directory sync followed it; a file's sync does not make its name
/// durable. At a crash every write that is not durable is kept, dropped, or torn: each 512-byte sector by itself is new, old
/// or garbage. Name changes that are not durable are kept up to some point and lost after it. The call during which the
/// power goes counts as begun and not durable. Nothing durable ever changes, except by `flip` and `overwrite` (bit rot).
final class SimulatedDisk: StorageIO {
    /// What a crash does to what was not durable.
    enum Loss: Sendable {
        case keepAll
        case dropAll
        case random(seed: UInt64)
    }

    /// Deliberate lies, to prove that the crash test notices a missing sync.
    struct Lies: OptionSet, Sendable {
        let rawValue: Int
        static let fileSync = Lies(rawValue: 1)
        static let directorySync = Lies(rawValue: 2)
        static let directWrite = Lies(rawValue: 4)
        static let snapshotCommit = Lies(rawValue: 8)
    }

    struct File: Sendable {
        let node: Int
        let isDirect: Bool
        let path: String
    }

    private enum Change {
        case write(UInt64, [UInt8])
        case truncate(UInt64)
        /// The whole content, by an atomic commit.
        case replace([UInt8])
    }

    private struct Node {
        var durable: [UInt8] = []
        var live: [UInt8] = []
        var changes: [Change] = []
    }

    private struct State {
        var nodes: [Node] = []
        var durableNames: [String: Int] = [:]
        var liveNames: [String: Int] = [:]
        var nameChanges: [NameChange] = []
        var calls = 0
        var crashAt: Int?
        var isDead = false
        var lies: Lies = []
        var failures: [Failure] = []
        var capacity: Int?
        var shortWrites = false
        var namesAreIndependent = false
    }

    /// A system call that fails once, at its n-th use.
    struct Failure: Sendable {
        var call: String
        var number: Int32
        var countdown: Int
        var repeats = false
        /// Not a failure: time passes during the call.
        var delay: SimulatedClock?
    }

    private let state: Mutex<State>

    init() {
        state = Mutex(State())
    }

    private init(_ image: State) {
        state = Mutex(image)
    }

    // MARK: Control

    /// Calls that change something, so far.
    var calls: Int { state.withLock { $0.calls } }
    var isDead: Bool { state.withLock { $0.isDead } }

    func crash(atCall number: Int) {
        state.withLock { $0.crashAt = number }
    }

    func lie(_ lies: Lies) {
        state.withLock { $0.lies = lies }
    }

    func fail(_ call: String, _ number: Int32, after countdown: Int = 0, repeats: Bool = false) {
        state.withLock {
            $0.failures.append(Failure(call: call, number: number, countdown: countdown, repeats: repeats))
        }
    }

    /// A call takes long, once, at its n-th use.
    func delay(_ call: String, _ clock: SimulatedClock, after countdown: Int = 0) {
        state.withLock {
            $0.failures.append(Failure(call: call, number: 0, countdown: countdown, delay: clock))
        }
    }

    func healAll() {
        state.withLock { $0.failures = [] }
    }

    /// The stricter model: a crash may lose any of the names that were not synced, not only the latest ones, and the sync
    /// of a directory is about that directory alone.
    func loseNamesIndependently() {
        state.withLock { $0.namesAreIndependent = true }
    }

    /// The disk takes no more than this many bytes.
    func limit(to bytes: Int?) {
        state.withLock { $0.capacity = bytes }
    }

    func writeShort(_ isOn: Bool = true) {
        state.withLock { $0.shortWrites = isOn }
    }

    /// A copy as it is, with all writes durable: what a SIGKILL leaves.
    func copy() -> SimulatedDisk { afterCrash(.keepAll) }

    /// The process was killed, the kernel lives on: everything is there, nothing more is durable.
    func afterKill() -> SimulatedDisk {
        SimulatedDisk(
            state.withLock { state in
                var image = state
                image.isDead = false
                image.crashAt = nil
                image.calls = 0
                return image
            }
        )
    }

    /// What a new process finds after the power came back.
    func afterCrash(_ loss: Loss) -> SimulatedDisk {
        let image: State = state.withLock { state in
            var generator = SeededGenerator(seed: 0)
            if case .random(let seed) = loss { generator = SeededGenerator(seed: seed) }
            var image = State()
            image.nodes = state.nodes.map { Self.settle($0, loss, &generator) }
            var names = state.durableNames
            let kept = Self.keptNames(state, loss, &generator)
            for (change, isKept) in zip(state.nameChanges, kept) where isKept { change.apply(&names) }
            image.durableNames = names
            image.liveNames = names
            image.namesAreIndependent = state.namesAreIndependent
            return image
        }
        return SimulatedDisk(image)
    }

    private static func keptNames(_ state: State, _ loss: Loss, _ generator: inout SeededGenerator) -> [Bool] {
        switch loss {
        case .keepAll: return state.nameChanges.map { _ in true }
        case .dropAll: return state.nameChanges.map { _ in false }
        case .random where state.namesAreIndependent: return state.nameChanges.anySubset(&generator)
        case .random:
            let kept = Int.random(in: 0...state.nameChanges.count, using: &generator)
            return state.nameChanges.indices.map { $0 < kept }
        }
    }

    private static func settle(_ node: Node, _ loss: Loss, _ generator: inout SeededGenerator) -> Node {
        var content = node.durable
        switch loss {
        case .keepAll: content = node.live
        case .dropAll: break
        case .random:
            for change in node.changes { settle(change, &content, &generator) }
        }
        return Node(durable: content, live: content)
    }

    private static func settle(_ change: Change, _ content: inout [UInt8], _ generator: inout SeededGenerator) {
        switch change {
        case .truncate, .replace:
            if Bool.random(using: &generator) { apply(change, &content) }
        case .write(let offset, let bytes):
            // Often one fate for all: that finds reordered writes; else each sector for itself: that finds torn ones.
            let common = Int.random(in: 0..<6, using: &generator)
            for start in stride(from: 0, to: bytes.count, by: 512) {
                let sector = Array(bytes[start..<min(start + 512, bytes.count)])
                let fate = common < 3 ? common : Int.random(in: 0..<3, using: &generator)
                switch fate {
                case 0: apply(.write(offset + UInt64(start), sector), &content)
                case 1: break
                default:
                    let garbage = sector.map { _ in UInt8.random(in: 0...255, using: &generator) }
                    apply(.write(offset + UInt64(start), garbage), &content)
                }
            }
        }
    }

    private static func apply(_ change: Change, _ content: inout [UInt8]) {
        switch change {
        case .truncate(let size):
            if Int(size) <= content.count { content.removeSubrange(Int(size)...) } else { grow(&content, Int(size)) }
        case .replace(let bytes):
            content = bytes
        case .write(let offset, let bytes):
            grow(&content, Int(offset) + bytes.count)
            content.withUnsafeMutableBytes { place in
                bytes.withUnsafeBytes { _ = memcpy(place.baseAddress! + Int(offset), $0.baseAddress!, $0.count) }
            }
        }
    }

    private static func grow(_ content: inout [UInt8], _ size: Int) {
        if content.count < size { content.append(contentsOf: [UInt8](repeating: 0, count: size - content.count)) }
    }

    static func parent(_ path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }

    // MARK: Tampering

    var paths: [String] { state.withLock { $0.liveNames.keys.sorted() } }

    var names: [String] { state.withLock { Array($0.liveNames.keys) } }

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

    // MARK: StorageIO

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
