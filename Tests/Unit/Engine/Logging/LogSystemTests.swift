import Glibc
import Logging
import Testing

@testable import Engine

@Suite("log output")
struct LogSystemTests {
    private final class Pipe {
        var reader: Int32 = -1
        var writer: Int32 = -1

        init() throws {
            var ends: [Int32] = [-1, -1]
            try #require(pipe(&ends) == 0)
            (reader, writer) = (ends[0], ends[1])
            LogOutput.ignoreBrokenPipes()
        }

        /// What is in the pipe now.
        func drain() -> String {
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            _ = fcntl(reader, F_SETFL, O_NONBLOCK)
            var text: [UInt8] = []
            while true {
                let count = read(reader, &bytes, bytes.count)
                guard count > 0 else { return String(decoding: text, as: UTF8.self) }
                text += bytes[..<count]
            }
        }

        func closeReader() {
            close(reader)
            reader = -1
        }

        deinit {
            if reader >= 0 { close(reader) }
            close(writer)
        }
    }

    private func system(_ pipe: Pipe, _ filter: String, _ format: LogFormat = .json) -> LogSystem {
        LogSystem(filter: LogFilter(filter), format: format, descriptor: pipe.writer) {
            LogTime(microseconds: 0, utcOffset: 0)
        }
    }

    @Test("loggers follow a changed filter; an unreadable one changes nothing")
    func liveFilter() throws {
        let pipe = try Pipe()
        let system = system(pipe, "warn")
        var logger = Logger(label: "iii::a", factory: system.handler)
        logger[metadataKey: "own"] = "1"
        logger.info("hidden")
        #expect(system.apply(level: "info,iii::b=off"))
        logger.info("shown", metadata: ["x": "y"])
        #expect(!system.apply(level: "info,iii::a=loud"))
        logger.info("still")
        Logger(label: "iii::b", factory: system.handler).critical("off")
        logger.logLevel = .trace
        logger.trace("by its owner")
        let lines = pipe.drain().split(separator: "\n")
        #expect(lines.count == 3)
        #expect(
            lines[0]
                == #"{"timestamp":"1970-01-01T00:00:00.000000Z","level":"INFO","fields":{"message":"shown","own":"1","x":"y"},"target":"iii::a"}"#
        )
        #expect(lines[1].contains("still"))
        #expect(lines[2].contains("by its owner"))
    }

    @Test("an error given to the logger is a field")
    func errorField() throws {
        let pipe = try Pipe()
        Logger(label: "a", factory: system(pipe, "info").handler).error("m", error: YAMLError("r", at: .start))
        #expect(pipe.drain().contains(#""error":"r at line 1 column 1""#))
    }

    @Test("a closed pipe is no reason to stop")
    func closedPipe() throws {
        let pipe = try Pipe()
        let logger = Logger(label: "a", factory: system(pipe, "info").handler)
        pipe.closeReader()
        for number in 0..<1000 { logger.info("\(number)") }
    }

    @Test("a reader that stalls costs lines, not the engine; the loss is told once it reads again")
    func stalledReader() throws {
        let pipe = try Pipe()
        let logger = Logger(label: "a", factory: system(pipe, "info").handler)
        let text = String(repeating: "x", count: 3000)
        for _ in 0..<200 { logger.info("\(text)") }
        let first = pipe.drain()
        let written = first.split(separator: "\n").count
        #expect(written > 0 && written < 200)
        logger.info("again")
        let lines = pipe.drain().split(separator: "\n")
        #expect(lines.count == 2)
        #expect(
            lines[0].contains(#""message":"Log lines dropped because nobody read them","count":\#(200 - written)}"#)
        )
        #expect(lines[1].contains("again"))
    }

    @Test("a line given up halfway doesn't spoil the next", arguments: [4096, 10_000, 300_000])
    func halfLine(length: Int) throws {
        let pipe = try Pipe()
        let logger = Logger(label: "a", factory: system(pipe, "info").handler)
        let text = String(repeating: "x", count: length)
        for _ in 0..<50 { logger.info("\(text)") }
        _ = pipe.drain()
        logger.info("whole")
        let last = try #require(pipe.drain().split(separator: "\n").last)
        #expect(
            last
                == #"{"timestamp":"1970-01-01T00:00:00.000000Z","level":"INFO","fields":{"message":"whole"},"target":"a"}"#
        )
    }

    @Test("lines of many threads don't mix")
    func threads() async throws {
        let pipe = try Pipe()
        let system = system(pipe, "info")
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    let logger = Logger(label: "t\(task)", factory: system.handler)
                    for number in 0..<50 { logger.info("m", metadata: ["n": .stringConvertible(number)]) }
                }
            }
        }
        let lines = pipe.drain().split(separator: "\n")
        #expect(lines.count == 400)
        #expect(lines.allSatisfy { (try? JSON.parse(String($0))) != nil })
    }
}
