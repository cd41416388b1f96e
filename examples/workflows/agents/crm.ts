/** Keeps customers, and knows what there is to know of companies. */
import { AgentError, defineAgent } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";

interface Company {
  readonly name: string;
  readonly employees: number;
}
const COMPANIES: Readonly<Record<string, Company>> = { "honey.example": { name: "Honey & Daughters", employees: 12 } };

function companyOf({ domain }: { readonly domain: string }): Company {
  const company = COMPANIES[domain];
  if (company === undefined) throw new AgentError({ code: "unknown_company", message: `nobody knows ${domain}`, retryable: false });
  return company;
}

interface Enrichment {
  readonly customer: string;
  readonly plan: string;
  readonly company: Company;
}

serve(
  defineAgent({
    id: "crm",
    capabilities: ["customer.open", "customer.remind", "customer.enrich", "company.registry", "company.size"],
    secret: signingSecret(),
    execute: {
      "customer.open": ({ email }: { readonly email: string }) => ({ id: `customer ${email}` }),
      "customer.remind": ({ customer }: { readonly customer: string }) => customer,
      "customer.enrich": ({ customer, plan, company }: Enrichment) => ({ customer, plan, ...company }),
      "company.registry": (input: { readonly domain: string }) => ({ name: companyOf(input).name }),
      "company.size": (input: { readonly domain: string }) => ({ employees: companyOf(input).employees }),
    },
  }),
);
