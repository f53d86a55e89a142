import PortalBase
import Templates

/// The staff pages: templates compiled once, values made by the controllers.
struct DeskViews: Sendable {
    private let templates: TemplateSet

    init() throws {
        templates = TemplateSet(
            try [("base", Self.base), ("list", Self.list), ("case", Self.caseFile), ("message", Self.message)].map {
                try Template(name: $0.0, path: "CoreDesk/\($0.0)", source: Array($0.1.utf8))
            })
    }

    func render(_ name: String, _ fields: [String: Value]) throws -> [UInt8] {
        let result = try templates.render(name, [.fields(fields)])
        // A name that no value answers is our mistake, and tests render every page.
        assert(result.unknownNames.isEmpty, "\(result.unknownNames)")
        return result.bytes
    }

    private static let base = """
        <!doctype html>
        <html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
        <title>{{title}} - 办理台</title><link rel="stylesheet" href="/desk.css"></head>
        <body><header><div><a href="/">政务办理台</a>{{#officer}}<span>{{officer}}（{{department}}）</span>{{/officer}}</div></header>
        <main>{{$main}}{{/main}}</main></body></html>
        """

    private static let list = """
        {{<base}}{{$main}}
        <h1>诉求和申请</h1>
        {{#calendarWarning}}<p class="problem" role="status">{{calendarWarning}}</p>{{/calendarWarning}}
        <p>{{#includesClosed}}<a href="/">只看未办结的</a>{{/includesClosed}}{{^includesClosed}}<a href="/?closed=1">也看已办结的</a>{{/includesClosed}}</p>
        <table><thead><tr><th scope="col">编号</th><th scope="col">类别</th><th scope="col">标题</th><th scope="col">收到</th><th scope="col">期限</th><th scope="col">承办</th><th scope="col">状态</th></tr></thead><tbody>
        {{#cases}}
        <tr><td><a href="/cases/{{id}}">{{number}}</a></td><td>{{kind}}</td><td><a href="/cases/{{id}}">{{subject}}</a></td><td>{{received}}</td><td{{#overdue}} class="overdue"{{/overdue}}>{{due}}</td><td>{{department}}</td><td>{{state}}</td></tr>
        {{/cases}}
        </tbody></table>
        {{^cases}}<p>没有待办事项。</p>{{/cases}}
        {{#next}}<p><a href="/?closed={{closed}}&amp;before={{next}}" rel="next">更早的 ›</a></p>{{/next}}
        {{/main}}{{/base}}
        """

    private static let caseFile = """
        {{<base}}{{$main}}
        <p><a href="/">‹ 返回列表</a></p>
        <h1>{{number}} {{subject}}</h1>
        {{#problem}}<p class="problem" role="alert" data-code="{{code}}">{{problem}}</p>{{/problem}}
        {{#hasTyped}}<section><h2>您刚才填写的内容（没有保存，可以复制）</h2>{{#typed}}<textarea rows="4" readonly aria-label="刚才填写的内容">{{text}}</textarea>{{/typed}}</section>{{/hasTyped}}
        <p class="facts"><strong>{{state}}</strong> · 收到 {{received}} · 期限 {{due}} · 凭证号 {{receipt}}</p>
        <section><h2>内容</h2><dl>{{#answers}}<div><dt>{{label}}</dt><dd>{{value}}</dd></div>{{/answers}}</dl></section>
        {{#hasAttachments}}<section><h2>材料</h2><ul>{{#attachments}}<li>{{label}}：<a href="/cases/{{caseID}}/files/{{position}}" download>{{name}}</a>（{{size}}，{{type}}）</li>{{/attachments}}</ul></section>{{/hasAttachments}}

        {{#hasTasks}}<section><h2>各部门意见</h2><table><thead><tr><th scope="col">部门</th><th scope="col">期限</th><th scope="col">意见</th><th scope="col">说明</th></tr></thead><tbody>
        {{#tasks}}
        <tr><td>{{department}}</td><td{{#overdue}} class="overdue"{{/overdue}}>{{due}}</td><td>{{opinion}}</td><td>{{note}}</td></tr>
        {{/tasks}}
        </tbody></table></section>{{/hasTasks}}
        {{#internalNote}}<section><h2>内部办理情况（不公开）</h2><p>{{internalNote}}</p></section>{{/internalNote}}
        {{#reply}}<section><h2>答复</h2><p>{{reply}}</p></section>{{/reply}}
        {{#notice}}<section><h2>补正告知</h2><p>{{notice}}</p></section>{{/notice}}
        {{#rating}}<section><h2>诉求人评价</h2><p>{{rating}}</p></section>{{/rating}}
        {{#decision}}<section><h2>决定</h2><p>{{decision}}</p></section>{{/decision}}
        {{#actions}}
        <section class="action"><h2>{{name}}</h2><form method="post" action="/cases/{{caseID}}/{{action}}"><input type="hidden" name="token" value="{{token}}"><input type="hidden" name="version" value="{{version}}">
        {{#inputs}}
        <p><label for="{{action}}-{{name}}">{{label}}</label>{{#isText}}<textarea id="{{action}}-{{name}}" name="{{name}}" rows="4">
        {{value}}</textarea>{{/isText}}{{#isLine}}<input id="{{action}}-{{name}}" name="{{name}}" value="{{value}}">{{/isLine}}{{#isChoice}}<select id="{{action}}-{{name}}" name="{{name}}">{{#options}}<option value="{{value}}"{{#isChosen}} selected{{/isChosen}}>{{label}}</option>{{/options}}</select>{{/isChoice}}{{#isFlag}} <input type="checkbox" id="{{action}}-{{name}}" name="{{name}}" value="yes"{{#isChecked}} checked{{/isChecked}}>{{/isFlag}}</p>
        {{/inputs}}
        <p><button type="submit">{{name}}</button></p></form></section>
        {{/actions}}
        <section><h2>过程</h2><ol class="events">{{#events}}<li>{{at}} {{officer}}：{{action}}（{{before}} → {{after}}）{{#words}}<p>{{words}}</p>{{/words}}</li>{{/events}}</ol></section>
        {{/main}}{{/base}}
        """

    private static let message = """
        {{<base}}{{$main}}<h1>{{title}}</h1><p data-code="{{code}}">{{text}}</p><p><a href="/">‹ 返回列表</a></p>{{/main}}{{/base}}
        """

    static let stylesheet = """
        body{margin:0;font:16px/1.7 "Noto Sans CJK SC","Microsoft YaHei",system-ui,sans-serif;color:#1d232b;background:#f4f6f9}
        header{background:#14508c;color:#fff}header div,main{max-width:1080px;margin:0 auto;padding:10px 16px}
        .events p,dd,section>p{white-space:pre-line}header div{display:flex;justify-content:space-between;flex-wrap:wrap}header a{color:#fff;font-weight:700;text-decoration:none}
        table{border-collapse:collapse;width:100%;background:#fff;display:block;overflow-x:auto}th,td{border:1px solid #d8dee6;padding:8px 10px;text-align:left}
        th{background:#eef3f8;white-space:nowrap}section{background:#fff;border:1px solid #d8dee6;border-radius:8px;padding:8px 18px;margin:14px 0}
        h1{font-size:1.4rem}h2{font-size:1.1rem}dl div{display:grid;grid-template-columns:10em 1fr;gap:10px;border-bottom:1px solid #eee;padding:5px 0}
        dt{font-weight:600}dd{margin:0;white-space:pre-line;overflow-wrap:anywhere}.overdue{color:#b3261e;font-weight:700}label{display:block;font-weight:600}
        textarea,input,select{width:100%;max-width:44em;font:inherit;padding:8px;border:1px solid #7b8794;border-radius:4px;box-sizing:border-box;min-height:44px}
        .problem{background:#fdecea;border-left:4px solid #b3261e;padding:8px 14px}
        button{background:#14508c;color:#fff;border:0;border-radius:6px;padding:10px 24px;font:inherit;min-height:44px;cursor:pointer}
        @media(max-width:640px){dl div{grid-template-columns:1fr;gap:0}}
        """
}
