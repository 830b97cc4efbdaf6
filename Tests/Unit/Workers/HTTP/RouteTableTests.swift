import Engine
import Testing

@testable import Workers

private final class Served {
    let name: String
    init(_ name: String) { self.name = name }
}

private typealias Table = RouteTable<Served>

extension RouteTable<Served> {
    fileprivate mutating func add(_ method: RouteMethod, _ template: String) throws {
        let pattern = try RoutePattern(template)
        insert(.init(method: method, pattern: pattern, route: Served("\(method) \(template)")))
    }
}

@Suite struct RouteTableTests {
    private func answer(_ table: Table, _ method: RouteMethod?, _ path: String) -> String {
        switch table.match(path[...], method) {
        case .route(let found, let parameters):
            ([found.route.name] + parameters.map(String.init)).joined(separator: " ")
        case .methodNotAllowed(let allowed): "405 " + allowed.map(\.rawValue).joined(separator: ",")
        case .notFound: "404"
        }
    }

    @Test(arguments: [
        ("GET", "/users/me", "GET users/me"), ("GET", "/users/7", "GET users/:id 7"),
        ("GET", "/users/", "404"), ("GET", "/users", "404"), ("GET", "/Users/me", "GET :a/:b Users me"),
        ("GET", "//users/me", "404"),
        ("POST", "/users/7", "405 GET,HEAD"), ("HEAD", "/users/7", "GET users/:id 7"),
        ("GET", "/users/a%2Fb", "GET users/:id a%2Fb"),
        ("GET", "/secret/9", "GET :a/:b secret 9"), ("GET", "/secret/9/path", "GET secret/:id/path 9"),
        ("GET", "/files/a/b//c", "GET files/{*rest} a/b//c"), ("GET", "/files/", "404"), ("GET", "/files", "404"),
        ("PUT", "/files/x", "405 GET,HEAD"), ("GET", "/slash/", "GET /slash/"), ("GET", "/slash", "404"),
        ("GET", "/", "GET /"), ("GET", "", "404"), ("GET", "*", "404"),
        ("GET", "/v/x.json", "GET v/:id.json x.json"), ("GET", "/lit/a:b", "GET lit/a:b"),
        // A path whose method fits is preferred over a more literal one (Better).
        ("GET", "/mixed/me", "GET mixed/:id me"), ("DELETE", "/mixed/me", "405 GET,POST,HEAD"),
        ("TRACE", "/users/me", "405 GET,HEAD"),
    ])
    func matches(_ method: String, _ path: String, _ expected: String) throws {
        var table = Table()
        for template in [
            "users/me", "users/:id", ":a/:b", "secret/:id/path", "files/{*rest}", "/slash/", "/", "v/:id.json",
            "lit/a:b",
            "mixed/:id",
        ] {
            try table.add(.GET, template)
        }
        try table.add(.POST, "mixed/me")
        #expect(answer(table, RouteMethod(rawValue: method), path) == expected)
    }

    @Test func headRouteBeatsGetRoute() throws {
        var table = Table()
        try table.add(.GET, "a")
        try table.add(.HEAD, "a")
        #expect(answer(table, .HEAD, "/a") == "HEAD a")
        #expect(answer(table, .GET, "/a") == "GET a")
    }

    @Test func lastRegistrationServesAndTheOneBeforeSurvivesIt() throws {
        var table = Table()
        let pattern = try RoutePattern("a/:x")
        let routes = ["1", "2", "3"].map(Served.init)
        for route in routes { table.insert(.init(method: .GET, pattern: pattern, route: route)) }
        #expect(answer(table, .GET, "/a/b") == "3 b")
        var removed = table.remove(routes[1], pattern: pattern)
        #expect(answer(table, .GET, "/a/b") == "3 b")
        removed = removed && table.remove(routes[2], pattern: pattern)
        #expect(answer(table, .GET, "/a/b") == "1 b")
        let isRemovedTwice = table.remove(routes[2], pattern: pattern)
        removed = removed && table.remove(routes[0], pattern: pattern)
        #expect(removed && !isRemovedTwice)
        #expect(answer(table, .GET, "/a/b") == "404")
        #expect(table.count == 0)
    }

    /// One route, registered 100,000 times and taken back from the front: with a walk per change this takes minutes.
    @Test func changesDoNotGrowWithTheRegistrations() throws {
        var table = Table()
        let pattern = try RoutePattern("a/:x")
        let routes = (0..<100_000).map { Served("\($0)") }
        for route in routes {
            if table.conflict(with: pattern, .GET, ignoring: nil) != nil { Issue.record("a conflict with itself") }
            table.insert(.init(method: .GET, pattern: pattern, route: route))
        }
        for route in routes.dropLast() { table.remove(route, pattern: pattern) }
        #expect(answer(table, .GET, "/a/b") == "99999 b")
        #expect(table.count == 1)
    }

    /// A registration that is replaced with another spelling of its path conflicts with every one but itself.
    @Test func theReplacedRegistrationIsNoConflict() throws {
        var table = Table()
        let (old, new) = (try RoutePattern("a/:x"), try RoutePattern("a/:y"))
        let routes = ["1", "2"].map(Served.init)
        table.insert(.init(method: .GET, pattern: old, route: routes[0]))
        #expect(table.conflict(with: new, .GET, ignoring: routes[0]) == nil)
        table.insert(.init(method: .GET, pattern: old, route: routes[1]))
        #expect(table.conflict(with: new, .GET, ignoring: routes[1])?.route === routes[0])
        #expect(table.conflict(with: new, .GET, ignoring: routes[0])?.route === routes[1])
    }

    @Test(arguments: [
        ("c/:a/:b", "c/:b/:a", true), ("c/:a", "/c/:a", false), ("", "/", true), ("/", "/", false),
        ("a/:x", "a/{x}", true),
        ("a/{*x}", "a/:x", true), ("a/:x", "a/{*x}", true), ("a/:x/b", "a/:y/c", false), ("a/:x/b", "a/:y/b", true),
        ("a", "b", false), ("a/", "a", false),
    ])
    func conflicts(_ first: String, _ second: String, _ expected: Bool) throws {
        var table = Table()
        try table.add(.GET, first)
        let pattern = try RoutePattern(second)
        #expect((table.conflict(with: pattern, .GET, ignoring: nil) != nil) == expected)
        #expect(table.conflict(with: pattern, .POST, ignoring: nil) == nil)
    }

    @Test(arguments: [":", "a/:", "*", "a/*b", "{", "a/}b", "a{b}", "{}", "{*}", "{*a}/b", ":a{b", "{a}{b}", "{{a}}"])
    func invalidPathIsRefused(_ template: String) {
        #expect(throws: InvocationError.self) { try RoutePattern(template) }
    }

    // MARK: Against a model

    /// Every set of up to three routes over a small alphabet, every path over it, against matching each route by
    /// itself and choosing by precedence.
    @Test func everySmallTableAgreesWithTheModel() throws {
        let atoms = ["a", "b", ":p", "{*r}"]
        var templates: [String] = ["/"]
        for first in atoms {
            templates.append(first)
            guard first != "{*r}" else { continue }
            for second in atoms + [""] { templates.append(first + "/" + second) }
        }
        let texts = ["a", "b", "c", ""]
        var paths = ["/"]
        for first in texts {
            for second in texts {
                paths.append("/\(first)/\(second)")
                for third in ["a", ""] { paths.append("/\(first)/\(second)/\(third)") }
            }
            paths.append("/\(first)")
        }
        var compared = 0
        for i in templates.indices {
            for j in templates.indices where j > i {
                for k in templates.indices where k > j {
                    compared += try compare([templates[i], templates[j], templates[k]], paths)
                }
            }
        }
        #expect(compared > 20_000)
    }

    @Test func randomTablesAgreeWithTheModel() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(state: seed)
        for _ in 0..<300 {
            let templates = (0..<random.below(12) + 1).map { _ in
                (0..<random.below(4) + 1).map { _ in ["a", "b", "c", ":p", ""][random.below(5)] }.joined(separator: "/")
            }
            let paths = (0..<40).map { _ in
                "/"
                    + (0..<random.below(4) + 1).map { _ in ["a", "b", "c", "d", ""][random.below(5)] }.joined(
                        separator: "/"
                    )
            }
            let compared = try compare(templates, paths)
            #expect(compared > 0, "seed \(seed)")
        }
    }

    /// Registers what doesn't conflict, alternating methods, and compares every path and method.
    private func compare(_ templates: [String], _ paths: [String]) throws -> Int {
        var table = Table()
        var model: [(method: RouteMethod, pattern: RoutePattern)] = []
        for (index, template) in templates.enumerated() {
            let method: RouteMethod = index.isMultiple(of: 3) ? .POST : .GET
            let pattern = try RoutePattern(template)
            guard table.conflict(with: pattern, method, ignoring: nil) == nil else { continue }
            try table.add(method, template)
            model.append((method, pattern))
        }
        for path in paths {
            for method in [RouteMethod.GET, .POST, .HEAD, .PUT] {
                let expected = Self.model(model, method, path)
                let found = answer(table, method, path)
                if found != expected { Issue.record("\(templates) \(method) \(path): \(found), model \(expected)") }
            }
        }
        return paths.count * 4
    }

    private static func model(
        _ routes: [(method: RouteMethod, pattern: RoutePattern)],
        _ method: RouteMethod,
        _ path: String
    ) -> String {
        let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        var fitting: [(rank: [Int], text: String, isExact: Bool)] = []
        var others: Set<RouteMethod> = []
        for route in routes {
            guard let (rank, values) = fit(route.pattern, segments) else { continue }
            if route.method == method || (method == .HEAD && route.method == .GET) {
                let name = "\(route.method) \(route.pattern.template)"
                fitting.append((rank, ([name] + values).joined(separator: " "), route.method == method))
            } else {
                others.formUnion(route.method == .GET ? [.GET, .HEAD] : [route.method])
            }
        }
        // Of one key the last registration serves.
        if let best = fitting.map(\.rank).min(by: { $0.lexicographicallyPrecedes($1) }) {
            return fitting.last { $0.rank == best }?.text ?? ""
        }
        let allowed = RouteMethod.allCases.filter(others.contains).map(\.rawValue).joined(separator: ",")
        return others.isEmpty ? "404" : "405 " + allowed
    }

    /// Rank per position: literal 0, parameter 1, catch-all 2; and the parameter values.
    private static func fit(_ pattern: RoutePattern, _ segments: [String]) -> ([Int], [String])? {
        var rank: [Int] = []
        var values: [String] = []
        for (index, segment) in pattern.segments.enumerated() {
            guard index < segments.count else { return nil }
            switch segment {
            case .literal(let text):
                guard text.string == segments[index] else { return nil }
                rank.append(0)
            case .parameter:
                guard !segments[index].isEmpty else { return nil }
                rank.append(1)
                values.append(segments[index])
            case .catchAll:
                let rest = segments[index...].joined(separator: "/")
                guard !rest.isEmpty else { return nil }
                return (rank + [2], values + [rest])
            }
        }
        return pattern.segments.count == segments.count ? (rank, values) : nil
    }
}

/// A small seeded generator.
struct SplitMix {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((value ^ (value >> 31)) % UInt64(bound))
    }
}
