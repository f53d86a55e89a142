import PortalBase
import Templates

/// The staff pages: templates compiled once, values made by the controllers.
struct DeskViews: Sendable {
    private let templates: TemplateSet

    init() throws {
        templates = TemplateSet(
            try [
                ("base", Self.base), ("list", Self.list), ("case", Self.caseFile), ("action", Self.action),
                ("search", Self.search), ("content", Self.content), ("cases", Self.cases),
                ("message", Self.message), ("new", Self.new), ("inputs", Self.inputs), ("lanes", Self.lanes),
                ("assessment", Self.assessment), ("figures", Self.figures), ("registration", Self.registration),
                ("registered", Self.registered), ("sign", Self.sign),
            ].map {
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
        <body><header><div><a href="/">政务办理台</a>{{#officer}}<a href="/tasks">我的任务</a><a href="/reminders">催办{{#reminders}} <span class="count">{{reminders}}</span>{{/reminders}}</a>{{#isAdministrator}}<a href="/people">人员</a>{{/isAdministrator}}{{#seesAssessments}}<a href="/assessments">考核</a>{{/seesAssessments}}{{#seesLanes}}<a href="/lanes">通道</a>{{/seesLanes}}<form class="find" role="search" action="/search"><label for="q" class="aside">查找</label><input id="q" name="q" value="{{query}}" placeholder="标题、姓名、电话、凭证号"><button type="submit">查找</button></form><span>{{officer}}（{{posts}}）</span>{{/officer}}</div></header>
        <main>{{$main}}{{/main}}</main></body></html>
        """

    private static let list = """
        {{<base}}{{$main}}
        <h1>{{title}}</h1>
        {{#damaged}}<p class="problem" role="status">{{damaged}}</p>{{/damaged}}
        {{#calendarWarning}}<p class="problem" role="status">{{calendarWarning}}</p>{{/calendarWarning}}
        {{#hasBeginnings}}<nav class="actions" aria-label="新增"><ul>{{#beginnings}}<li><a href="{{address}}">{{name}}</a></li>{{/beginnings}}</ul></nav>{{/hasBeginnings}}
        {{#canNarrow}}<details class="narrow"><summary>筛选{{#chosen}}：{{chosen}}{{/chosen}}</summary><form action="/">{{#includesClosed}}<input type="hidden" name="closed" value="1">{{/includesClosed}}
        {{#choices}}<p><label for="{{name}}">{{label}}</label><select id="{{name}}" name="{{name}}"><option value="">全部</option>{{#groups}}{{#group}}<optgroup label="{{group}}">{{/group}}{{#options}}<option value="{{value}}"{{#isChosen}} selected{{/isChosen}}>{{label}}</option>{{/options}}{{#group}}</optgroup>{{/group}}{{/groups}}</select></p>{{/choices}}
        <label class="check"><input type="checkbox" name="overdue" value="1"{{#isOverdue}} checked{{/isOverdue}}> 只看超期的</label>
        <p><button type="submit">筛选</button></p></form></details>{{#isNarrowed}}<p><a href="{{everything}}">不筛选，全部列出</a></p>{{/isNarrowed}}{{/canNarrow}}
        {{#hasClosed}}<p><a href="{{toggle}}">{{#includesClosed}}只看未办结的{{/includesClosed}}{{^includesClosed}}也看已办结的{{/includesClosed}}</a></p>{{/hasClosed}}
        {{>cases}}
        {{#isOutdated}}<p class="problem" role="status">地址里有的状态、单位或标记现在没有了，没有按它筛选。请重新选择。</p>{{/isOutdated}}
        {{#isProjectedOtherwise}}<p class="problem" role="status">列表还没有按新的版本、单位或工作日重新生成，超期的可能没有列全。请系统管理员运行 coredesk audit。</p>{{/isProjectedOtherwise}}
        {{^cases}}<p>{{#isNarrowed}}{{#next}}这一段里没有符合筛选条件的，较早的在下一页。{{/next}}{{^next}}没有符合筛选条件的。{{/next}}{{/isNarrowed}}{{^isNarrowed}}{{nothing}}{{/isNarrowed}}</p>{{/cases}}
        {{#next}}<p><a href="{{next}}" rel="next">下一页 ›</a></p>{{/next}}
        {{/main}}{{/base}}
        """

    private static let caseFile = """
        {{<base}}{{$main}}
        <p><a href="/">‹ 返回列表</a></p>
        <h1>{{number}} {{subject}}</h1>
        {{#problem}}<p class="problem" role="alert" data-code="{{code}}">{{problem}}</p>{{/problem}}
        {{#done}}<p class="done" role="status">{{done}}</p>{{/done}}
        {{#request}}<p class="facts">{{request}}</p>{{/request}}
        {{#hasTyped}}<section><h2>您刚才填写的内容（没有保存，可以复制）</h2>{{#typed}}<textarea rows="4" readonly aria-label="刚才填写的内容">{{text}}</textarea>{{/typed}}</section>{{/hasTyped}}
        <p class="facts"><strong>{{state}}</strong> · 收到 {{received}}{{#due}} · 期限 <span{{#overdue}} class="overdue"{{/overdue}}>{{due}}</span>{{#overdue}}（超期）{{/overdue}}{{/due}}{{#receipt}} · 凭证号 {{receipt}}{{/receipt}}{{#hasMarks}} · {{#marks}}<span class="mark">{{mark}}</span> {{/marks}}{{/hasMarks}}</p>
        {{#hasActions}}<nav class="actions" aria-label="可以办理的操作"><ul>{{#actions}}<li><a href="{{address}}"{{#isBlocked}} class="blocked"{{/isBlocked}}>{{name}}{{#isBlocked}}（需更高级别的证书）{{/isBlocked}}</a></li>{{/actions}}</ul></nav>{{/hasActions}}
        {{>content}}
        {{/main}}{{/base}}
        """

    private static let search = """
        {{<base}}{{$main}}
        <h1>查找“{{query}}”</h1>
        {{#problem}}<p class="problem" role="alert">{{problem}}</p>{{/problem}}
        {{^problem}}{{>cases}}
        {{^cases}}<p>没有找到，或者不在您的职责范围内。</p>{{/cases}}
        {{#next}}<p><a href="/search?q={{queryInAddress}}&amp;before={{next}}" rel="next">更早的 ›</a></p>{{/next}}{{/problem}}
        {{/main}}{{/base}}
        """

    private static let action = """
        {{<base}}{{$main}}
        <p><a href="/cases/{{caseID}}">‹ 返回 {{number}}</a></p>
        <h1>{{name}}</h1>
        <p class="facts">{{number}} {{subject}} · <strong>{{state}}</strong> · 收到 {{received}}{{#due}} · 期限 <span{{#overdue}} class="overdue"{{/overdue}}>{{due}}</span>{{#overdue}}（超期）{{/overdue}}{{/due}}</p>
        {{#problem}}<p class="problem" id="problem" role="alert" data-code="{{code}}">{{problem}}</p>{{/problem}}
        <section class="action"><form method="post" action="{{address}}"><input type="hidden" name="token" value="{{token}}"><input type="hidden" name="grounds" value="{{grounds}}"><input type="hidden" name="nonce" value="{{nonce}}">
        {{>inputs}}
        <p><button type="submit">{{name}}</button></p></form></section>
        {{>content}}
        {{/main}}{{/base}}
        """

    private static let new = """
        {{<base}}{{$main}}
        <p><a href="/people">‹ 返回人员列表</a></p>
        <h1>{{title}}</h1>
        {{#problem}}<p class="problem" id="problem" role="alert" data-code="{{code}}">{{problem}}</p>{{/problem}}
        <section class="action"><form method="post" action="{{address}}"><input type="hidden" name="token" value="{{token}}"><input type="hidden" name="grounds" value="{{grounds}}"><input type="hidden" name="nonce" value="{{nonce}}">
        {{>inputs}}
        <p><button type="submit">提交</button></p></form></section>
        {{/main}}{{/base}}
        """

    private static let registration = """
        {{<base}}{{$main}}
        <p><a href="/">‹ 返回列表</a></p>
        <h1>{{title}}</h1>
        {{#problem}}<p class="done" role="status" data-code="{{code}}">{{problem}}</p>{{/problem}}
        {{#hasKnown}}<section><h2>同一号码和相似的诉求</h2>{{>cases}}</section>{{/hasKnown}}
        <section class="action">{{{form}}}</section>
        {{/main}}{{/base}}
        """

    private static let sign = """
        {{<base}}{{$main}}
        <p><a href="{{back}}">‹ 返回修改</a></p>
        <h1>{{title}}</h1>
        <p data-code="sign" role="status" class="notice">还没有办理：这一步要用您的 UKey 签名，{{minutes}} 分钟以内有效。</p>
        <section><h2>要签名的内容</h2><dl>{{#lines}}<div><dt>{{label}}</dt><dd>{{text}}</dd></div>{{/lines}}</dl></section>
        <section class="action"><h2>签名</h2>
        <form method="post" action="{{address}}" enctype="multipart/form-data"><input type="hidden" name="token" value="{{token}}"><input type="hidden" name="grounds" value="{{grounds}}"><input type="hidden" name="nonce" value="{{nonce}}"><input type="hidden" name="statement" value="{{statement}}"><input type="hidden" name="statementToken" value="{{statementToken}}">{{#kept}}<input type="hidden" name="{{name}}" value="{{value}}">{{/kept}}
        <ol class="steps"><li><a href="{{link}}">用签名程序打开</a>，或者<a href="data:application/json;base64,{{statement}}" download="{{file}}">下载 {{file}}</a> 后用签名程序签。</li>
        <li><label for="signature">选择签名文件（{{file}} 旁边的 .p7s）</label><input id="signature" name="signature" type="file" accept=".p7s" required></li></ol>
        <button type="submit">提交签名，{{name}}</button></form></section>
        {{/main}}{{/base}}
        """

    private static let registered = """
        {{<base}}{{$main}}
        <p><a href="/">‹ 返回列表</a></p>
        <h1>{{title}}</h1>
        <p class="done" role="status">已登记为 {{number}} 号。请把下面两行念给来电人，凭它们可以在网站上查询、评价和撤回。</p>
        <section><dl><div><dt>凭证号</dt><dd id="receipt">{{receipt}}</dd></div><div><dt>查询码</dt><dd id="code">{{queryCode}}</dd></div></dl></section>
        <p>查询码只显示这一次。</p>
        <nav class="actions" aria-label="接着办"><ul><li><a href="{{next}}">登记下一个来电</a></li></ul></nav>
        {{/main}}{{/base}}
        """

    private static let lanes = """
        {{<base}}{{$main}}
        <h1>{{title}}</h1>
        {{#problem}}<p class="problem" role="alert" data-code="{{code}}">{{problem}}</p>{{/problem}}
        {{#done}}<p class="done" role="status">{{done}}</p>{{/done}}
        {{#lanes}}
        <section><h2>{{name}}（{{lane}}）</h2><ul>{{#lines}}<li>{{line}}</li>{{/lines}}{{#allAlarms}}<li class="overdue">报警：{{name}}（{{alarm}} {{detail}}）</li>{{/allAlarms}}</ul>{{#mayWork}}{{#alarms}}<form method="post" action="/lanes/clear"><input type="hidden" name="token" value="{{clearToken}}"><input type="hidden" name="nonce" value="{{nonce}}"><input type="hidden" name="lane" value="{{lane}}"><input type="hidden" name="alarm" value="{{alarm}}"><input type="hidden" name="detail" value="{{detail}}"><p>报警 {{alarm}}：{{detail}} <button type="submit">已查明，消除</button></p></form>{{/alarms}}{{/mayWork}}</section>
        {{/lanes}}
        {{#papers}}<section><h2>文书</h2><p class="overdue">有 {{papers}} 份文书没有制作或签章完，签好以前不告知申请人。一直这样的，请看服务日志里的 ALARM，或运行 coredesk papers。</p></section>{{/papers}}
        <section><h2>收不下的</h2>
        {{^hasHeld}}<p>没有。</p>{{/hasHeld}}
        {{#hasHeld}}<p>每一件都原样保存，按原来的收件时间办理。补上缺的密钥或表单后会自动重试。</p>
        {{#held}}<div class="held"><p><strong>{{kind}}</strong> {{item}}，{{since}} 起：{{reason}}</p>{{#mayWork}}<form method="post" action="/lanes/drop"><input type="hidden" name="token" value="{{dropToken}}"><input type="hidden" name="nonce" value="{{nonce}}"><input type="hidden" name="item" value="{{item}}"><p><label for="because-{{item}}">放弃的理由</label><input id="because-{{item}}" name="because" required></p><p><button type="submit">放弃这一件</button></p></form>{{/mayWork}}</div>{{/held}}
        {{#mayWork}}<form method="post" action="/lanes/retry"><input type="hidden" name="token" value="{{retryToken}}"><input type="hidden" name="nonce" value="{{nonce}}"><p><button type="submit">现在重试</button></p></form>{{/mayWork}}{{/hasHeld}}
        {{#early}}<p>比办件先到的撤回：{{early}} 件，办件一到就办。</p>{{/early}}
        </section>
        {{/main}}{{/base}}
        """

    private static let assessment = """
        {{<base}}{{$main}}
        <h1>{{title}}</h1>
        {{#problem}}<p class="problem" role="alert">{{problem}}</p>{{/problem}}
        <form class="find" action="/assessments"><label for="month">月份</label><input id="month" name="month" type="month" value="{{month}}" required><button type="submit">查看</button></form>
        <nav class="actions" aria-label="考核办法"><ul>{{#sets}}<li><a href="{{address}}"{{#isChosen}} aria-current="true"{{/isChosen}}>{{name}}</a></li>{{/sets}}{{#record}}<li><a href="{{record}}">记录一个月的考核</a></li>{{/record}}</ul></nav>
        {{#none}}<p>{{none}}</p>{{/none}}
        {{#report}}<section><h2>{{title}}</h2>
        {{^isOver}}<p class="facts">本月还没有结束：只算到现在为止到期和完成的。</p>{{/isOver}}
        {{#hasScored}}<div class="chart">{{{chart}}}</div>
        <table class="scores"><thead><tr><th scope="col">单位</th><th scope="col">等级</th><th scope="col">总分</th>{{#heads}}<th scope="col">{{label}}<br>{{weight}}</th>{{/heads}}</tr></thead><tbody>
        {{#rows}}<tr><th scope="row">{{name}}</th><td data-label="等级">{{label}}</td><td data-label="总分">{{total}}</td>{{#cells}}<td data-label="{{label}}">{{#hasCases}}<a href="{{address}}">{{text}}</a>{{/hasCases}}{{^hasCases}}{{text}}{{/hasCases}}{{#points}}<br>{{points}}{{/points}}{{#excused}}<br>{{excused}}{{/excused}}</td>{{/cells}}</tr>
        {{/rows}}</tbody></table>{{/hasScored}}
        {{^hasScored}}<p>没有可以计分的单位。</p>{{/hasScored}}
        {{#hasApart}}<h3>没有到期事项、不计分的单位</h3><ul>{{#apart}}<li>{{name}}{{#left}}（{{left}}）{{/left}}</li>{{/apart}}</ul>{{/hasApart}}
        {{#undated}}<p class="problem">有 {{undated}} 项期限超出工作日历，没有计入：请补上工作日安排。</p>{{/undated}}
        <p><a href="{{csv}}">保存为表格（CSV）</a>　同一等级按单位排列，不分名次。指标没有到期事项的，不计分，权重按其余指标折算。</p></section>{{/report}}
        {{/main}}{{/base}}
        """

    private static let figures = """
        {{<base}}{{$main}}
        <p><a href="{{back}}">‹ 返回考核</a></p>
        <h1>{{title}}</h1>
        <table><thead><tr><th scope="col">编号</th><th scope="col">期限</th><th scope="col">完成</th><th scope="col">结果</th></tr></thead><tbody>
        {{#figures}}<tr><td><a href="/cases/{{id}}">{{number}}</a></td><td data-label="期限">{{due}}</td><td data-label="完成">{{done}}</td><td>{{result}}</td></tr>
        {{/figures}}</tbody></table>
        {{^figures}}<p>没有您能看到的办件。</p>{{/figures}}
        {{#next}}<p><a href="{{next}}" rel="next">下一页 ›</a></p>{{/next}}
        {{/main}}{{/base}}
        """

    /// What an action asks for.
    private static let inputs = """
        {{#inputs}}
        {{#isText}}<p><label for="{{name}}">{{label}}{{^required}}（可不填）{{/required}}</label><textarea id="{{name}}" name="{{name}}" rows="6"{{#required}} required{{/required}}{{#isInvalid}} aria-invalid="true" aria-describedby="problem"{{/isInvalid}}>
        {{value}}</textarea></p>{{/isText}}
        {{#isLine}}<p><label for="{{name}}">{{label}}{{^required}}（可不填）{{/required}}</label><input id="{{name}}" name="{{name}}" value="{{value}}"{{#required}} required{{/required}}{{#isInvalid}} aria-invalid="true" aria-describedby="problem"{{/isInvalid}}></p>{{/isLine}}
        {{#isDate}}<p><label for="{{name}}">{{label}}{{^required}}（可不填）{{/required}}</label><input type="date" id="{{name}}" name="{{name}}" value="{{value}}"{{#required}} required{{/required}}{{#isInvalid}} aria-invalid="true" aria-describedby="problem"{{/isInvalid}}></p>{{/isDate}}
        {{#isChoice}}<p><label for="{{name}}">{{label}}</label><select id="{{name}}" name="{{name}}"{{#required}} required{{/required}}{{#isInvalid}} aria-invalid="true" aria-describedby="problem"{{/isInvalid}}><option value="">请选择</option>{{#options}}<option value="{{value}}"{{#isChosen}} selected{{/isChosen}}>{{label}}</option>{{/options}}</select></p>{{/isChoice}}
        {{#isMany}}<fieldset{{#isInvalid}} aria-describedby="problem"{{/isInvalid}}><legend>{{label}}{{^required}}（可不选）{{/required}}</legend>{{#options}}<label class="check"><input type="checkbox" name="{{name}}" value="{{value}}"{{#isChosen}} checked{{/isChosen}}> {{label}}</label>{{/options}}</fieldset>{{/isMany}}
        {{#isLimit}}<p><label for="{{name}}">{{label}}</label><span class="limit"><input id="{{name}}" name="{{name}}" value="{{value}}" inputmode="numeric"{{#required}} required{{/required}}{{#isInvalid}} aria-invalid="true" aria-describedby="problem"{{/isInvalid}}><select name="{{name}}-unit" aria-label="{{label}}的单位">{{#options}}<option value="{{value}}"{{#isChosen}} selected{{/isChosen}}>{{label}}</option>{{/options}}</select></span></p>{{/isLimit}}
        {{#isChecklist}}<fieldset{{#isInvalid}} aria-describedby="problem"{{/isInvalid}}><legend>{{label}}</legend>{{#items}}<p><label for="{{item}}">{{material}}</label><select id="{{item}}" name="{{item}}"><option value="">请选择</option>{{#options}}<option value="{{value}}"{{#isChosen}} selected{{/isChosen}}>{{label}}</option>{{/options}}</select><input name="{{item}}-note" value="{{note}}" aria-label="{{material}}的说明" placeholder="说明（可不填）"></p>{{/items}}</fieldset>{{/isChecklist}}
        {{/inputs}}
        """

    /// The lines of a list.
    private static let cases = """
        <table><thead><tr><th scope="col">编号</th><th scope="col">类别</th><th scope="col">标题</th><th scope="col">收到</th><th scope="col">期限</th><th scope="col">承办</th><th scope="col">状态</th></tr></thead><tbody>
        {{#cases}}
        <tr><td><a href="/cases/{{id}}">{{number}}</a></td><td>{{kind}}</td><td><a href="/cases/{{id}}">{{subject}}</a></td><td class="when" data-label="收到">{{received}}</td><td data-label="期限"{{#overdue}} class="overdue"{{/overdue}}>{{due}}{{#overdue}}（超期）{{/overdue}}</td><td data-label="承办">{{department}}</td><td>{{state}}{{#reminder}} <span class="mark">{{reminder}}</span>{{/reminder}}{{#reminderWords}}<br>{{reminderWords}}{{/reminderWords}}</td></tr>
        {{/cases}}
        </tbody></table>
        """

    /// What a case holds.
    private static let content = """
        {{#figures}}<p><a href="{{figures}}">查看记录的数字</a></p>{{/figures}}
        <section><h2>内容</h2><dl>{{#answers}}<div><dt>{{label}}</dt><dd>{{value}}</dd></div>{{/answers}}</dl></section>
        {{#hasPapers}}<section><h2>文书</h2><ul>{{#papers}}<li>{{name}} {{number}}（{{organ}}）：{{state}}{{#isAwaited}}；签好以后才告知申请人{{/isAwaited}}{{#file}} · <a href="{{file}}" download>PDF</a>{{/file}}{{#signature}} · <a href="{{signature}}" download>签名</a>{{/signature}}</li>{{/papers}}</ul></section>{{/hasPapers}}
        {{#hasAttachments}}<section><h2>材料</h2><ul>{{#attachments}}<li>{{label}}：<a href="/cases/{{caseID}}/files/{{position}}" download>{{name}}</a>（{{size}}）</li>{{/attachments}}</ul></section>{{/hasAttachments}}
        {{#hasTasks}}<section><h2>任务</h2><table><thead><tr><th scope="col">任务</th><th scope="col">单位</th><th scope="col">经办人</th><th scope="col">期限</th><th scope="col">结果</th></tr></thead><tbody>
        {{#tasks}}
        <tr><td>{{kind}}</td><td>{{unit}}</td><td>{{assignee}}</td><td{{#overdue}} class="overdue"{{/overdue}}>{{due}}{{#signing}}；签收截止 {{signing}}{{/signing}}</td><td>{{outcome}}</td></tr>
        {{/tasks}}
        </tbody></table></section>{{/hasTasks}}
        {{#hasClocks}}<section><h2>时限</h2><ul>{{#clocks}}<li>{{name}}：<span{{#overdue}} class="overdue"{{/overdue}}>{{due}}</span></li>{{/clocks}}</ul></section>{{/hasClocks}}
        {{#hasRelated}}<section><h2>相关办件</h2><ul>{{#related}}<li><a href="/cases/{{id}}">{{number}}</a></li>{{/related}}</ul></section>{{/hasRelated}}
        <section><h2>过程</h2><ol class="events">{{#events}}<li>{{at}} {{officer}}：<strong>{{action}}</strong>{{#facts}}（{{facts}}）{{/facts}}{{#signed}} · 已签名：<a href="{{signed}}.json" download>签名的内容</a>、<a href="{{signed}}.p7s" download>签名</a>{{/signed}}{{#words}}<p>{{line}}</p>{{/words}}</li>{{/events}}</ol></section>
        """

    private static let message = """
        {{<base}}{{$main}}<h1>{{title}}</h1><p data-code="{{code}}">{{text}}</p>{{#hasTyped}}<section><h2>您刚才填写的内容（没有保存，可以复制）</h2>{{#typed}}<textarea rows="4" readonly aria-label="刚才填写的内容">{{text}}</textarea>{{/typed}}</section>{{/hasTyped}}<p><a href="/">‹ 返回列表</a></p>{{/main}}{{/base}}
        """

    static let stylesheet = """
        body{margin:0;font:16px/1.7 "Noto Sans CJK SC","Microsoft YaHei",system-ui,sans-serif;color:#1d232b;background:#f4f6f9}
        header{background:#14508c;color:#fff}header div,main{max-width:1080px;margin:0 auto;padding:10px 16px}
        .events p,dd,section>p{white-space:pre-line}header div{display:flex;justify-content:space-between;flex-wrap:wrap}header a{color:#fff;font-weight:700;text-decoration:none}
        table{border-collapse:collapse;width:100%;background:#fff}th,td{border:1px solid #d8dee6;padding:8px 10px;text-align:left}
        th{background:#eef3f8;white-space:nowrap}section{background:#fff;border:1px solid #d8dee6;border-radius:8px;padding:8px 18px;margin:14px 0}
        h1{font-size:1.4rem}h2{font-size:1.1rem}dl div{display:grid;grid-template-columns:10em 1fr;gap:10px;border-bottom:1px solid #eee;padding:5px 0}
        dt{font-weight:600}dd{margin:0;min-width:0;white-space:pre-line;overflow-wrap:anywhere}.events p,td{overflow-wrap:anywhere}.overdue{color:#b3261e;font-weight:700}label{display:block;font-weight:600}
        textarea,input,select{width:100%;max-width:44em;font:inherit;padding:8px;border:1px solid #7b8794;border-radius:4px;box-sizing:border-box;min-height:44px}
        .problem{background:#fdecea;border-left:4px solid #b3261e;padding:8px 14px}
        button{background:#14508c;color:#fff;border:0;border-radius:6px;padding:10px 24px;font:inherit;min-height:44px;cursor:pointer}
        .find{display:flex;gap:6px;align-items:center}.find label{white-space:nowrap}.find input{max-width:16em;min-height:36px}.find button{white-space:nowrap;padding:6px 14px;min-height:36px;border:1px solid #fff}.aside{position:absolute;left:-999em}
        .actions ul{list-style:none;display:flex;flex-wrap:wrap;gap:10px;padding:0}.actions a{display:inline-block;background:#14508c;color:#fff;padding:10px 18px;border-radius:6px;text-decoration:none;min-height:24px}
        .actions a.blocked{background:#5b6673}.mark{display:inline-block;background:#fff4d6;border:1px solid #c9a227;border-radius:4px;padding:0 6px}fieldset{border:1px solid #d8dee6;border-radius:6px;margin:14px 0}
        label.check{display:inline-flex;align-items:center;gap:6px;font-weight:400;margin-right:18px;min-height:44px}label.check input{width:24px;min-height:24px}.limit{display:flex;gap:8px;max-width:24em}
        .narrow{background:#fff;border:1px solid #d8dee6;border-radius:8px;padding:8px 18px;margin:14px 0}.narrow summary{cursor:pointer;min-height:36px;font-weight:600}.narrow form{display:grid;grid-template-columns:repeat(auto-fit,minmax(14em,1fr));gap:0 18px;align-items:end}
        .hp,.visually-hidden{position:absolute;left:-999em}.hint,.help{color:#4a5460;margin:2px 0}.field{margin:12px 0}.field .error{color:#b3261e;font-weight:600;margin:2px 0}.error-summary{background:#fdecea;border-left:4px solid #b3261e;padding:8px 14px}
        .choice{display:inline-flex;align-items:center;gap:6px;margin-right:18px;min-height:44px}.choice input{width:24px;min-height:24px}.choice label{font-weight:400}.optional{font-weight:400;color:#4a5460}.privacy{font-size:.9rem;color:#4a5460}.privacy h2{font-size:1rem}legend{font-weight:600}
        #receipt,#code{font-size:1.4rem;letter-spacing:.08em}.chart{overflow-x:auto}[aria-current]{outline:3px solid #c9a227}.when{white-space:nowrap}.steps li{margin:10px 0}.notice{background:#fff4d6;border-left:4px solid #c9a227;padding:8px 14px}.count{background:#b3261e;border-radius:9px;padding:0 7px;font-weight:700}.held{border-top:1px solid #d8dee6}.done{background:#e6f4ea;border-left:4px solid #1e7d34;padding:8px 14px}
        @media(max-width:640px){table{background:none}thead{position:absolute;left:-999em}tr{display:block;background:#fff;border:1px solid #d8dee6;margin:8px 0;padding:6px 10px}td{display:inline;border:0;padding:0}td:not(:last-child):not(:empty)::after{content:" · ";color:#5b6673}td[data-label]:not(:empty)::before{content:attr(data-label) " ";color:#5b6673}dl div{grid-template-columns:1fr;gap:0}.scores td{display:block}.scores td:not(:last-child):not(:empty)::after{content:none}}
        """
}
