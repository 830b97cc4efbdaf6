/// Checks in a process of their own: a store so damaged that reading it crashes, or never ends, is a verdict too.
struct IsolatedCheck: Sendable {
    /// Longer than any check takes on a slow disk.
    static let patienceNanoseconds: UInt64 = 60_000_000_000
    static let maximumTextBytes = 65_536

    let childArguments: [String]
    let seed: UInt64
    let shape: StoreShape

    func check(path: String, acknowledged: UInt64, begun: UInt64 = .max) throws(DrillError) -> Verdict {
        var options = ChildOptions()
        options.directory = path
        options.seed = seed
        options.shape = shape
        options.check = ChildOptions.Check(acknowledged: acknowledged, begun: begun)
        var process = try ChildProcess(
            arguments: childArguments + options.arguments,
            environment: ["III_FAILPOINT": ""]
        )
        let deadline = monotonicNanoseconds() + Self.patienceNanoseconds
        guard let text = try process.readText(until: deadline, limit: Self.maximumTextBytes) else {
            process.kill()
            return Verdict(problem: "the check does not end")
        }
        let ending = process.wait()
        guard ending == .exit(0), let verdict = Verdict(text: text) else {
            return Verdict(problem: "the check did not survive it (\(ending))")
        }
        return verdict
    }
}
