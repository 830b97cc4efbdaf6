import Glibc
import Synchronization

@testable import Storage

/// A disk in memory that can lose power.
///
/// Fault model.
///
/// - **Files.** A buffered write goes to the page cache. It is durable when its file was synced after it; a write to a direct
///   (O_DSYNC) file is durable when it returns. At a crash every write that is not durable is kept, dropped, or torn: each
///   512-byte sector by itself is new, old or garbage.
/// - **Page cache.** A sync that fails leaves the pages clean, and on the device any part of them: a later sync of the file
///   succeeds and writes nothing of them, reads through the cache see what was written, reads of the device (`.readDevice`)
///   and a new machine see what is there. A direct write that fails may have written any of its sectors.
/// - **Names.** A creation, rename or removal is durable when its own directory was synced after it; one that moves a file
///   between directories, when both were. A file's sync does not make its name durable, and a directory's own name is its
///   parent's: whatever is in a directory whose name is lost is lost with it. See `loseNamesIndependently` for what a crash
///   keeps of the rest.
/// - **Room.** The disk keeps its size over crashes. A new directory takes a block; files take their bytes.
/// - The call during which the power goes counts as begun and not durable. Nothing durable ever changes, except behind the
///   store's back (`Tampering`).
final class SimulatedDisk: Sendable {
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
        var readsDevice = false
    }

    struct State {
        var nodes: [SimulatedNode] = []
        var durableNames: [String: Int] = [:]
        var liveNames: [String: Int] = [:]
        var nameChanges: [PendingName] = []
        var calls = 0
        var crashAt: Int?
        var isDead = false
        var lies: Lies = []
        var failures: [Failure] = []
        var capacity: Int?
        var shortWrites = false
        var refusesDirectWrites = false
        var namesAreIndependent = false
        var remembersPages = false
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

    let state: Mutex<State>

    init() {
        state = Mutex(State())
        prepareRoot()
    }

    private init(_ image: State) {
        state = Mutex(image)
    }

    /// The store's directory, as whoever starts the engine makes it: there, and its name not durable yet.
    func prepareRoot() {
        state.withLock { state in
            let root = SimulatedStore.root
            guard state.liveNames[root] == nil, !state.isDead else { return }
            state.nodes.append(.directory)
            let link = PendingName(.link(root, state.nodes.count - 1))
            link.change.apply(&state.liveNames)
            state.nameChanges.append(link)
        }
    }

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

    /// The stricter model: a crash may lose any of the names that were not synced, and the sync of a directory is about that
    /// directory alone. Otherwise the file system keeps a journal: a crash loses the latest changes of names, and the sync of
    /// a directory takes along what came before in others.
    func loseNamesIndependently() {
        state.withLock { $0.namesAreIndependent = true }
    }

    /// The disk takes no more than this many bytes.
    func limit(to bytes: Int?) {
        state.withLock { $0.capacity = bytes }
    }

    /// A file system without `O_DIRECT`, or with blocks that are larger than ours.
    func refuseDirectWrites() {
        state.withLock { $0.refusesDirectWrites = true }
    }

    func writeShort(_ isOn: Bool = true) {
        state.withLock { $0.shortWrites = isOn }
    }

    /// Keeps what each page held before its last change: `Tampering` puts it back.
    func rememberPages() {
        state.withLock { $0.remembersPages = true }
    }

    /// A copy as it is, with all writes durable that reached the device: what a SIGKILL and some time leave.
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
            image.nodes = state.nodes.map { $0.afterCrash(loss, &generator) }
            var names = state.durableNames
            let kept = Self.keptNames(state, loss, &generator)
            for (pending, isKept) in zip(state.nameChanges, kept) where isKept { pending.change.apply(&names) }
            let found = names.reachable
            image.durableNames = found
            image.liveNames = found
            image.namesAreIndependent = state.namesAreIndependent
            image.capacity = state.capacity
            image.remembersPages = state.remembersPages
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

    /// "" for the names of the root.
    static func parent(_ path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }
}
