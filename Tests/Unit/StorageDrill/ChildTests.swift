import Glibc
import Testing

@testable import StorageDrill

/// What parent and child say to each other, and the plans of the rounds.
@Suite struct ChildTests {
    @Test func eventsComeAcross() {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let events: [ChildEvent] = [
            .opening, .opened(0), .begun(1), .seen(7), .acknowledged(.max), .acknowledged(0x0102_0304_0506_0708), .closing,
            .closed,
        ]
        for event in events { event.send(ends[1]) }
        var bytes = [UInt8](repeating: 0, count: 200)
        let count = read(ends[0], &bytes, bytes.count)
        #expect(count == events.count * ChildEvent.bytes)
        for (index, event) in events.enumerated() {
            let start = index * ChildEvent.bytes
            #expect(ChildEvent(frame: bytes[start..<start + ChildEvent.bytes]) == event)
        }
        #expect(ChildEvent(frame: [0x7A, 0, 0, 0, 0, 0, 0, 0, 0]) == nil)
        #expect(ChildEvent(frame: [0x6F]) == nil)
    }

    @Test func optionsComeAcross() throws {
        var options = ChildOptions()
        options.directory = "/some where"
        (options.seed, options.committers, options.cycles, options.transactions) = (7, 3, 0, 12)
        options.shape.usesDirectIO = false
        options.shape.initialSegmentBytes = 65_536
        options.shape.maximumSegmentBytes = 131_072
        options.shape.checkpointLogBytes = 9_999
        options.shape.key = 3
        #expect(try ChildOptions(arguments: options.arguments) == options)
        options.shape.usesDirectIO = true
        #expect(try ChildOptions(arguments: options.arguments) == options)
        options.check = ChildOptions.Check(acknowledged: 4, begun: .max)
        #expect(try ChildOptions(arguments: options.arguments) == options)
        for wrong in [[], ["--dir"], ["--dir", "x", "--seed", "y"], ["--dir", "x", "--nothing", "1"]] {
            #expect(throws: DrillError.self) { try ChildOptions(arguments: wrong) }
        }
    }

    @Test func verdictsComeAcross() {
        let verdicts = [
            Verdict(), Verdict(found: 3), Verdict(found: 0, lost: 7, problem: "lost 7 of 7 (I1)"),
            Verdict(problem: "refused: two\nlines"),
        ]
        for verdict in verdicts {
            #expect(Verdict(text: verdict.text) == verdict)
            #expect(Verdict(text: String(verdict.text.dropLast())) == nil)
        }
        for wrong in ["", "\n", "3\n", "x 0 \n", "3 y \n"] { #expect(Verdict(text: wrong) == nil) }
    }

    /// A check that crashes, says nothing or never ends is a failure of the store.
    @Test func aCheckMayNotSurvive() throws {
        for script in ["kill -11 $$", "exit 1", "exit 0", "echo nonsense"] {
            // /proc/self/exe of the test can't check; a shell stands in for it.
            var process = try ChildProcess(program: "/bin/sh", arguments: ["-c", script], environment: [:])
            let text = try process.readText(until: .max, limit: 100)
            #expect(process.wait() != .exit(0) || Verdict(text: text ?? "") == nil)
        }
        var silent = try ChildProcess(program: "/bin/sh", arguments: ["-c", "exec sleep 1000"], environment: [:])
        #expect(try silent.readText(until: monotonicNanoseconds() + 1_000_000, limit: 100) == nil)
        silent.kill()
        #expect(silent.wait() == .signal(9))
        var loud = try ChildProcess(program: "/bin/sh", arguments: ["-c", "yes"], environment: [:])
        #expect(try loud.readText(until: .max, limit: 100) == nil)
    }

    @Test func plansAreFunctionsOfTheSeed() {
        var kinds: Set<String> = []
        for round in 0..<300 {
            let plan = KillPlan(seed: 4, round: round, committers: 8, failpoints: ["x:1"])
            #expect(plan.moment == KillPlan(seed: 4, round: round, committers: 8, failpoints: ["x:1"]).moment)
            #expect((1...8).contains(plan.committers))
            kinds.insert(String("\(plan.moment)".filter { !$0.isNumber }))
        }
        #expect(kinds.count == 6)
        let moments = (0..<100).map { KillPlan(seed: 4, round: $0, committers: 8, failpoints: []).moment }
        #expect(!moments.contains { if case .atFailpoint = $0 { true } else { false } })
    }

    @Test func endingsAreTold() throws {
        #expect(try RecordedProgram.run("/bin/sh", ["-c", "exit 7"]) == .exit(7))
        #expect(try RecordedProgram.run("/bin/sh", ["-c", "kill -9 $$"]) == .signal(9))
        let check = "test \"$III_A\" = '1 2' && test -z \"${III_B+set}\" && test -n \"$PATH\""
        #expect(try RecordedProgram.run("/bin/sh", ["-c", check], ["III_A": "1 2", "III_B": ""]) == .exit(0))
        #expect(throws: DrillError.self) { try RecordedProgram.run("/no/such/program", []) }
    }

    @Test func silenceAndEndAreTold() throws {
        var process = try ChildProcess(
            program: "/bin/sh",
            arguments: ["-c", "printf aBBBBBBBB; exec sleep 1000"],
            environment: [:]
        )
        #expect(try process.read(until: .max) == .event(.acknowledged(0x4242_4242_4242_4242)))
        #expect(try process.read(until: 0) == .silence)
        process.kill()
        #expect(try process.read(until: .max) == .end)
        #expect(process.wait() == .signal(9))
    }
}
