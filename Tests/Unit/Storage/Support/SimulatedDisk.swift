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
    }

    enum Change {
        case write(UInt64, [UInt8])
        case truncate(UInt64)
        /// The whole content, by an atomic commit.
        case replace([UInt8])
    }

    struct Node {
        var durable: [UInt8] = []
        var live: [UInt8] = []
        var changes: [Change] = []
    }

    struct State {
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

    let state: Mutex<State>

    init() {
        state = Mutex(State())
    }

    private init(_ image: State) {
        state = Mutex(image)
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
                    apply(.write(offset + UInt64(start), generator.bytes(sector.count)), &content)
                }
            }
        }
    }

    static func apply(_ change: Change, _ content: inout [UInt8]) {
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

    static func grow(_ content: inout [UInt8], _ size: Int) {
        if content.count < size { content.append(contentsOf: [UInt8](repeating: 0, count: size - content.count)) }
    }

    static func parent(_ path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }
}
