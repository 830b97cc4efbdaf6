import Engine
import Testing

@testable import Workers

@Suite struct HTTPConfigurationTests {
    private func read(_ text: String) throws -> HTTPConfiguration {
        try HTTPConfiguration(ConfigBlock(JSON.parse(text)))
    }

    @Test func absentBlockIsAllDefaults() throws {
        for block in [ConfigBlock.absent, ConfigBlock(.null), ConfigBlock([:])] {
            let found = try HTTPConfiguration(block)
            #expect(found.host == "0.0.0.0" && found.port == 3111)
            #expect(found.defaultTimeoutMilliseconds == 30_000 && found.concurrencyRequestLimit == 1024)
            #expect(found.cors == nil)
        }
    }

    @Test func everyField() throws {
        let found = try read(
            """
            {"port":0,"host":"::1","default_timeout":5,"concurrency_request_limit":7,"middleware":[],
             "cors":{"allowed_origins":["*"],"allowed_methods":["GET"]}}
            """
        )
        #expect(found.port == 0 && found.host == "::1" && found.defaultTimeoutMilliseconds == 5)
        #expect(found.concurrencyRequestLimit == 7)
        #expect(found.cors?.allowedOrigins == ["*"] && found.cors?.allowedMethods == ["GET"])
        #expect(try read(#"{"cors":null}"#).cors == nil)
        #expect(try read(#"{"cors":{}}"#).cors != nil)
    }

    @Test(arguments: [
        "*", "null", "https://app.example.com", "http://localhost:5173", "http://[::1]:3000",
        "https://xn--bcher-kva.de",
        "capacitor://localhost", "chrome-extension://abcdef",
    ])
    func originsThatABrowserSends(_ origin: String) throws {
        #expect(try read(#"{"cors":{"allowed_origins":["\#(origin)"]}}"#).cors?.allowedOrigins == [origin])
    }

    /// They were taken, and matched nothing.
    @Test(arguments: [
        "", "app.example.com", "https://app.example.com/", "https://app.example.com/path", "https://*.example.com",
        "https://",
        "https://App.example.com", "HTTPS://app.example.com", "https://app.example.com:443", "http://localhost:*",
        "http://localhost:70000", "http://a b", "https://a,https://b", "https://bücher.de", "http://user@host",
        "http://[::1",
    ])
    func originsThatNoBrowserSends(_ origin: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try read(#"{"cors":{"allowed_origins":["*","\#(origin)"]}}"#)
        }
        #expect(error?.message.hasPrefix("'\(origin)' is never a browser's origin") == true, "\(error?.message ?? "")")
        #expect(error?.message.hasSuffix("(in `cors.allowed_origins[1]`)") == true)
    }

    @Test(arguments: ["", "PO ST", "GET,POST", "GÉT"])
    func methodsThatAreNone(_ method: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try read(#"{"cors":{"allowed_methods":["GET","\#(method)"]}}"#)
        }
        #expect(error?.message == "'\(method)' is no HTTP method. Write it like 'POST' (in `cors.allowed_methods[1]`)")
    }

    @Test func zeroLimitCountsAsOne() throws {
        #expect(try read(#"{"concurrency_request_limit":0}"#).concurrencyRequestLimit == 1)
        #expect(try read(#"{"concurrency_request_limit":0}"#).isConcurrencyLimitClamped)
    }

    @Test(arguments: [
        (#"{"prot":1}"#, "unknown field `prot`"), (#"{"cors":{"x":1}}"#, "unknown field `x`"),
        (#"{"middleware":[{"id":1}]}"#, "unknown field `id`"), (#"{"middleware":[{}]}"#, "missing field `function_id`"),
        (#"{"middleware":[{"function_id":"f"}]}"#, "not served by this version"), (#"{"port":70000}"#, "70000"),
        (#"{"port":-1}"#, "-1"), (#"{"port":"3111"}"#, "invalid type"), (#"{"host":1}"#, "expected a string"),
        (#"{"default_timeout":0}"#, "0"), (#"{"concurrency_request_limit":-1}"#, "-1"), (#"[]"#, "invalid type"),
        (#"{"cors":[]}"#, "invalid type"), (#"{"cors":{"allowed_origins":"*"}}"#, "invalid type"),
    ])
    func refusals(_ text: String, _ expected: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try read(text) }
        #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
    }
}
