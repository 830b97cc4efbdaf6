import Testing

@testable import Engine

@Suite("iii health --verbose")
struct HealthReportTests {
    @Test("one line per store, in human units")
    func table() throws {
        let health = try JSON.parse(
            #"{"status":"degraded","version":"0.22.1","uptime_ms":11520000,"stores":["#
                + #"{"workers":["iii-state","iii-stream"],"mode":"synced","path":"/var/lib/iii","lsn":1042,"#
                + #""durable_lsn":1040,"checkpoint_lsn":1000,"lag_records":2,"log_bytes":67108864,"#
                + #""snapshot_bytes":512,"available_bytes":1649267441664,"sync_us":412,"encrypted":false,"#
                + #""low_space":true,"saturated":false},"#
                + #"{"workers":["iii-queue"],"mode":"memory","path":null,"lsn":null,"low_space":false}]}"#
        )
        let output = HealthReport.verbose(health, address: "localhost", port: 49134)
        #expect(output.exitCode == 0)
        #expect(
            output.standardOutput == """
                ok: the engine at localhost:49134 serves
                status: degraded, version 0.22.1, up 3 h 12 min

                workers               mode    position  lag  checkpoint       log  snapshot     free    sync  state  path
                iii-state,iii-stream  synced      1042    2        1000  64.0 MiB     512 B  1.5 TiB  412 µs  FULL   /var/lib/iii
                iii-queue             memory         -    -           -         -         -        -       -  ok     -

                """
        )
    }

    @Test(
        "the state, worst first",
        arguments: [
            ("low_space", "FULL"), ("short_of_resources", "SHORT"), ("saturated", "SATURATED"), ("encrypted", "ok"),
        ]
    )
    func state(member: String, text: String) {
        let store: JSON = ["workers": ["iii-state"], "mode": "synced", "path": "/x", member: true]
        let output = HealthReport.verbose(["stores": [store]], address: "h", port: 1)
        let padding = String(repeating: " ", count: max(0, "state".count - text.count))
        #expect(output.standardOutput.hasSuffix("  \(text)\(padding)  /x\n"))
    }

    @Test("nothing kept")
    func noStores() {
        let output = HealthReport.verbose(
            ["status": "healthy", "version": "1", "uptime_ms": 1, "stores": []],
            address: "h",
            port: 1
        )
        #expect(
            output.standardOutput
                == "ok: the engine at h:1 serves\nstatus: healthy, version 1, up 0 s\nno worker keeps data\n"
        )
    }

    @Test("an engine that doesn't know the function, and one that answers nonsense")
    func otherEngines() {
        let output = HealthReport.unreported(address: "h", port: 1, reason: "function_not_found: x\u{1B}[2J")
        #expect(output.exitCode == 0)
        #expect(output.standardError == "warning: it doesn't tell about its stores: function_not_found: x[2J\n")
        #expect(HealthReport.verbose(.null, address: "h", port: 1).standardOutput.contains("status: -, version -"))
        let odd = HealthReport.verbose(["stores": [5, ["path": "a\nb", "lsn": "x"]]], address: "h", port: 1)
        #expect(odd.standardOutput.hasSuffix("a b\n"))
    }

    @Test(
        "units",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_575, "1023.9 KiB"), (1_048_576, "1.0 MiB"),
            (1_610_612_736, "1.5 GiB"), (.max, "16383.9 PiB"),
        ] as [(UInt64, String)]
    )
    func bytes(count: UInt64, text: String) {
        #expect(HumanUnits.bytes(count) == text)
    }

    @Test(
        "durations",
        arguments: [
            (999, "0 s"), (59_999, "59 s"), (60_000, "1 min 0 s"), (3_599_999, "59 min 59 s"), (3_600_000, "1 h 0 min"),
            (86_399_999, "23 h 59 min"), (93_600_000, "1 d 2 h"),
        ] as [(UInt64, String)]
    )
    func duration(milliseconds: UInt64, text: String) {
        #expect(HumanUnits.duration(milliseconds: milliseconds) == text)
    }
}
