import CRecorder
import Glibc
import Storage
import Synchronization

/// The process that is killed: commits a workload with several threads and tells what it does on descriptor 1. Or one that
/// checks what such a process left.
public struct DrillChild {
    /// A committer waits after at most this many transactions.
    static let maximumBurst = 8

    private let options: ChildOptions
    private let workload: Workload

    /// Runs it to its end; the arguments are what the parent's rounds append. Returns the exit status.
    public static func run(arguments: [String]) -> Int32 {
        recorder_die_with_parent()
        do {
            if arguments.first == SnapshotPlan.command {
                try SnapshotChild.run(SnapshotPlan(arguments: arguments))
                return 0
            }
            if arguments.first == OfflinePlan.command {
                try OfflineChild.run(OfflinePlan(arguments: arguments))
                return 0
            }
            let options = try ChildOptions(arguments: arguments)
            if let check = options.check {
                checkOnce(options, check)
                return 0
            }
            let child = DrillChild(options: options, workload: Workload(seed: options.seed))
            var cycle: UInt64 = 0
            while options.cycles == 0 || cycle < options.cycles {
                try child.runCycle()
                cycle += 1
            }
            return 0
        } catch {
            tell("storage drill, child: \(error)\n", STDERR_FILENO)
            return 1
        }
    }

    private static func checkOnce(_ options: ChildOptions, _ check: ChildOptions.Check) {
        let checker = Checker(workload: Workload(seed: options.seed), shape: options.shape)
        let verdict = checker.check(
            path: options.directory,
            acknowledged: check.acknowledged,
            begun: check.begun
        )
        tell(verdict.text, STDOUT_FILENO)
    }

    private static func tell(_ text: String, _ descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private func runCycle() throws {
        Self.send(.opening)
        let store = try Store.open(path: options.directory, options: options.shape.options)
        let found = try StoreContent(store: store).count()
        // Whoever was shown the content may rely on it.
        recorder_mark(found)
        Self.send(.opened(found))
        try commit(store)
        Self.send(.closing)
        try store.close()
        Self.send(.closed)
    }

    private func commit(_ store: Store) throws {
        let budget = Budget(options.transactions == 0 ? .max : options.transactions)
        let threads = try (0..<options.committers).map { index throws(DrillError) in
            let committer = Committer(store: store, workload: workload, budget: budget, number: UInt64(index))
            return try DrillThread { committer.run() }
        }
        for thread in threads { thread.join() }
        if let text = budget.failure { throw DrillError(text) }
    }

    fileprivate static func send(_ event: ChildEvent) {
        event.send(STDOUT_FILENO)
    }
}

/// What the committers share.
private final class Budget: Sendable {
    private let state: Mutex<(left: UInt64, failure: String?)>

    init(_ transactions: UInt64) {
        state = Mutex((transactions, nil))
    }

    var failure: String? { state.withLock { $0.failure } }

    func take() -> Bool {
        state.withLock { state in
            guard state.left > 0, state.failure == nil else { return false }
            state.left -= 1
            return true
        }
    }

    func fail(_ text: String) {
        state.withLock { if $0.failure == nil { $0.failure = text } }
    }
}

/// One thread: a burst of transactions, then a wait for the last.
private struct Committer: Sendable {
    let store: Store
    let workload: Workload
    let budget: Budget
    let number: UInt64

    func run() {
        var random = SeededGenerator(seed: workload.seed, number)
        do {
            while true {
                var last: Pending<UInt64>?
                for _ in 0..<Int.random(in: 1...DrillChild.maximumBurst, using: &random) where budget.take() {
                    last = try commitOne()
                    if random.chance(1, in: 4) { look() }
                }
                guard let last else { return }
                try waitUntilDurable(last)
            }
        } catch {
            budget.fail("\(error)")
        }
    }

    /// What others have committed and is not durable yet may be seen by nobody (I4). Each transaction changes the count, and
    /// the content must be that after the first so many: whoever knows the count knows every value.
    private func look() {
        let budget = budget
        store.read { Workload.number($0.get(Workload.counterTable, key: Workload.countKey)) }.whenDurable { result in
            switch result {
            case .success(let number):
                recorder_mark(number)
                ChildEvent.seen(number).send(STDOUT_FILENO)
            case .failure(let error): budget.fail("\(error)")
            }
        }
    }

    private func commitOne() throws -> Pending<UInt64> {
        let pending = try workload.commitNext(store) { ChildEvent.begun($0).send(STDOUT_FILENO) }
        let budget = budget
        pending.whenDurable { result in
            switch result {
            case .success(let number):
                recorder_mark(number)
                ChildEvent.acknowledged(number).send(STDOUT_FILENO)
            case .failure(let error): budget.fail("\(error)")
            }
        }
        return pending
    }
}
